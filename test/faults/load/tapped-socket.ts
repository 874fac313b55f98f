/**
 * A WebSocket for the SDK that comes out at another gateway every time, as behind a load balancer, and lets a tap see every
 * frame that the SDK sees: what is recorded is what stood on the wire, before the SDK drops repeats or fills in.
 */
import { WebSocket } from 'ws';
import type { WebSocketConstructor, WebSocketLike } from '../../../client/connection.ts';

export interface Tap {
  sent(text: string): void;
  received(text: string): void;
  /** Once. `code` is null where this side gave the connection up. */
  closed(code: number | null): void;
}

export interface TappedSocket extends WebSocketLike {
  /** Ends it without a closing handshake, as a lost network would. */
  terminate(): void;
}

/** `pick` is asked for a URL, `tap` for a tap, at each connection. */
export function tappedSockets(pick: () => string, tap: (socket: TappedSocket) => Tap): WebSocketConstructor {
  return class Tapped implements TappedSocket {
    onopen: ((event: never) => void) | null = null;
    onmessage: ((event: never) => void) | null = null;
    onclose: ((event: never) => void) | null = null;
    onerror: ((event: never) => void) | null = null;
    readonly #socket: WebSocket;
    readonly #tap: Tap;
    #over = false;

    constructor(_url: string, protocols: string[]) {
      this.#socket = new WebSocket(pick(), protocols);
      this.#tap = tap(this);
      this.#socket.on('open', () => this.onopen?.({} as never));
      this.#socket.on('message', (data) => {
        if (this.#over) return;
        const text = data.toString();
        this.#tap.received(text);
        this.onmessage?.({ data: text } as never);
      });
      this.#socket.on('close', (code, reason) => {
        this.#end(code);
        this.onclose?.({ code, reason: reason.toString() } as never);
      });
      this.#socket.on('error', () => this.onerror?.({} as never));
    }

    get readyState(): number {
      return this.#socket.readyState;
    }

    get bufferedAmount(): number {
      return this.#socket.bufferedAmount;
    }

    send(text: string): void {
      if (!this.#over) this.#tap.sent(text);
      this.#socket.send(text);
    }

    /** From here on the SDK takes nothing more from it. */
    close(code?: number, reason?: string): void {
      this.#end(null);
      this.#socket.close(code, reason);
    }

    terminate(): void {
      this.#socket.terminate();
    }

    #end(code: number | null): void {
      if (this.#over) return;
      this.#over = true;
      this.#tap.closed(code);
    }
  };
}
