/** What resume tests ask of a client beyond plain frames: numbered publishes in bulk, and the seqs that a room has seen. */
import { token } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Frame, WireClient } from '../support/wire-client.ts';

/** The protocol's limit on publishes without an answer. */
const MAX_UNANSWERED = 32;
const PUBLISHED_WITHIN_MS = 30_000;

export interface EventFrame extends Frame {
  readonly room: string;
  readonly seq: number;
  readonly cursor: string;
  readonly time: number;
}

export class RoomClient {
  readonly wire: WireClient;

  private constructor(wire: WireClient) {
    this.wire = wire;
  }

  static async connect(url: string, hello: object = {}): Promise<RoomClient> {
    return new RoomClient(await WireClient.hello(url, await token('resumer'), hello));
  }

  join(room: string, start: object = {}): Promise<Frame> {
    return this.wire.ask({ type: 'join', room, ...start });
  }

  /** Publishes the numbers `from` to `to` in order; resolves when all are acked. */
  async publishAll(
    room: string,
    from: number,
    to: number,
    make: (pub: number) => unknown = (pub) => pub,
  ): Promise<void> {
    const acks = (): number => this.wire.all('ack').filter((ack) => ack.room === room).length;
    const before = acks();
    const within = { withinMs: PUBLISHED_WITHIN_MS, what: `acks of ${from} to ${to} in ${room}` };
    for (let pub = from; pub <= to; pub += 1) {
      if (pub - from - (acks() - before) >= MAX_UNANSWERED) {
        await waitFor(() => pub - from - (acks() - before) < MAX_UNANSWERED / 2, within);
      }
      this.wire.send({ type: 'publish', id: pub, room, pub, event: 'said', data: make(pub) });
    }
    await waitFor(() => acks() - before === to - from + 1, within);
  }

  events(room: string): EventFrame[] {
    const bodies = this.wire.frames.flatMap((frame) =>
      frame.type === 'batch' ? (frame.events as Frame[]) : frame.type === 'event' ? [frame] : [],
    );
    return (bodies as EventFrame[]).filter((event) => event.room === room);
  }

  seqs(room: string): number[] {
    return this.events(room).map(({ seq }) => seq);
  }

  /** Resolves once the room's event with this seq has come. */
  async until(room: string, seq: number, withinMs = 15_000): Promise<void> {
    await waitFor(() => this.seqs(room).at(-1) === seq, { withinMs, what: `seq ${seq} of ${room}` });
  }

  close(): void {
    this.wire.socket.terminate();
  }
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
