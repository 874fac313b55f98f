/**
 * The short way into a TCP socket: the call that `net.Socket` ends in, without the way to it (a stream's bookkeeping, a request object and a
 * tick for every write), which costs a gateway's core more than all that is Roomlog's own. It needs Node's internals (ADR 0024): where this
 * process has none, or a socket is none of TCP's own, the caller writes in the ordinary way.
 *
 * The kernel nearly always takes all at once. What it does not take waits in libuv's queue, behind which also goes whatever is
 * written in the ordinary way meanwhile: bytes keep their order by either way.
 */
import type { Duplex } from 'node:stream';

/** What `write` returns where it did nothing. */
export const NOT_DIRECT = -1;

/** Who wants to know when the kernel has taken the rest. */
export interface DirectOwner {
  /** All that was written is in the kernel, or the socket is gone. */
  onTaken(): void;
}

/** A write of libuv's that goes on; one that ended at once leaves no trace in it, so that the same serves the next. */
interface WriteRequest {
  /** Kept from the collector until all of it is written. */
  buffer?: Uint8Array;
  oncomplete?: (status: number) => void;
}

interface TcpHandle {
  /** Returns a status of libuv, 0 for success. */
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
}

/** What Node has for this; it promises nothing about it. */
export interface Internals {
  readonly Tcp: new (...args: never) => TcpHandle;
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: ArrayLike<number>;
  readonly kLastWriteWasAsync: number;
}

export class DirectWrites {
  readonly #internals: Internals;
  /** For the next write. */
  #request: WriteRequest;

  constructor(internals: Internals) {
    this.#internals = internals;
    this.#request = new internals.WriteWrap();
  }

  /** null where this Node does not have what it takes. */
  static open(binding: (name: string) => object = bindingOf): DirectWrites | null {
    const internals = findInternals(binding);
    return internals === null ? null : new DirectWrites(internals);
  }

  /**
   * Writes to a socket whose stream holds nothing back. Returns the bytes that the kernel has still to take, `onTaken` follows: 0, or
   * all of them, as `writableLength` would count them; `NOT_DIRECT` where nothing was done. A socket that fails is destroyed.
   */
  write(socket: Duplex, bytes: Uint8Array, owner: DirectOwner): number {
    const { Tcp, streamBaseState, kLastWriteWasAsync } = this.#internals;
    const { _handle: handle } = socket as { _handle?: unknown };
    if (!(handle instanceof Tcp)) return NOT_DIRECT;
    const request = this.#request;
    if (handle.writeBuffer(request, bytes) !== 0) {
      this.#request = new this.#internals.WriteWrap();
      socket.destroy();
      return 0;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) return 0;
    this.#request = new this.#internals.WriteWrap();
    request.buffer = bytes;
    request.oncomplete = (status) => {
      if (status !== 0) socket.destroy();
      owner.onTaken();
    };
    return bytes.length;
  }
}

function bindingOf(name: string): object {
  return (process as unknown as { binding(name: string): object }).binding(name);
}

function findInternals(binding: (name: string) => object): Internals | null {
  try {
    const { TCP: Tcp } = binding('tcp_wrap') as { TCP: Internals['Tcp'] };
    const { WriteWrap, streamBaseState, kLastWriteWasAsync } = binding('stream_wrap') as Internals;
    const isWhole =
      typeof WriteWrap === 'function' &&
      typeof Tcp?.prototype?.writeBuffer === 'function' &&
      typeof streamBaseState?.[kLastWriteWasAsync] === 'number';
    return isWhole ? { Tcp, WriteWrap, streamBaseState, kLastWriteWasAsync } : null;
  } catch {
    return null;
  }
}
