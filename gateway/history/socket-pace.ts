/** How fast a member that reads at its own pace is written to: as its socket takes it, and no longer than it makes progress. */
import type { LogSink } from '../../core/ports/logger.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import type { Member } from '../rooms/rooms.ts';

/** It is written to while no more than this part of its limit waits in its socket. */
const LOW_WATER_PART = 4;

export interface SocketPaceOptions {
  readonly logger: LogSink;
  /** Its connection was closed, since it took nothing for as long as its room bears. */
  onStuck(member: Member): void;
}

export class SocketPace {
  readonly #options: SocketPaceOptions;

  constructor(options: SocketPaceOptions) {
    this.#options = options;
  }

  /** Whether the socket holds as much as it may. */
  isFull(member: Member): boolean {
    return member.sink.bufferedBytes() > lowWaterBytes(member);
  }

  /** True once the socket has taken enough, false after `ms`, or when the member has left. Judges nobody. */
  drainedWithin(member: Member, ms: number): Promise<boolean> {
    return within(ms, member.leaving, member.sink.drained(lowWaterBytes(member)));
  }

  /** Waits until the socket has taken enough. False where the member has left, or was closed for making no progress. */
  async drained(member: Member): Promise<boolean> {
    const { sink, room } = member;
    const drained = sink.drained(lowWaterBytes(member));
    // What its other rooms send meanwhile may keep the level as it is.
    let before = sink.takenBytes();
    while (!(await within(room.slow.timeoutMs, member.leaving, drained))) {
      if (!isCatchingUp(member)) return false;
      const now = sink.takenBytes();
      if (now <= before) {
        const bufferedBytes = sink.bufferedBytes();
        this.#options.logger.info({ room: room.id, bufferedBytes }, 'closing a client that takes nothing');
        this.#options.onStuck(member);
        sink.close(CLOSE.overloaded, 'too slow');
        return false;
      }
      before = now;
    }
    return isCatchingUp(member);
  }
}

export const isCatchingUp = (member: Member): boolean => member.state === 'catching-up' && !member.sink.closed;

const lowWaterBytes = ({ room }: Member): number => Math.max(1, Math.floor(room.slow.bytes / LOW_WATER_PART));

/** Resolves true when `settled` does, false after `ms` or when the signal comes first. */
export function within(ms: number, signal: AbortSignal, settled?: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (value: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(value);
    };
    const onAbort = (): void => done(false);
    const timer = setTimeout(done, ms, false);
    timer.unref();
    signal.addEventListener('abort', onAbort);
    settled?.then(
      () => done(true),
      () => done(false),
    );
    if (signal.aborted) done(false);
  });
}
