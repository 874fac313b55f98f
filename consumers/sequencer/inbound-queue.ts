/** Inbound records that were decoded and not decided yet. Bounded: what comes next waits while it is over its limit. */
import { Queue } from '../../core/limits/queue.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import type { Share } from './share.ts';

export class InboundQueue {
  readonly #limit: Pick<Share, 'queueBytes'>;
  readonly #records = new Queue<LogRecord>();
  #bytes = 0;
  #drained: PromiseWithResolvers<void> | null = null;
  #arrivedAt = 0;

  constructor(limit: Pick<Share, 'queueBytes'>) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#records.size;
  }

  /** When the newest records came, Clock.monotonic. */
  get arrivedAt(): number {
    return this.#arrivedAt;
  }

  /** The promise, if any, settles when there is place again; the caller holds what comes next back until then. */
  push(records: readonly LogRecord[], now: number): Promise<void> | null {
    this.#arrivedAt = now;
    for (const record of records) {
      this.#records.push(record);
      this.#bytes += sizeOf(record);
    }
    if (this.#bytes <= this.#limit.queueBytes) return null;
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  peek(): LogRecord | undefined {
    return this.#records.peek();
  }

  shift(): void {
    const record = this.#records.shift();
    if (record === undefined) return;
    this.#bytes -= sizeOf(record);
    if (this.#bytes <= this.#limit.queueBytes) this.#release();
  }

  /** Puts records back in front, to be decided again. */
  unshift(records: readonly LogRecord[]): void {
    for (const record of records.toReversed()) {
      this.#records.unshift(record);
      this.#bytes += sizeOf(record);
    }
  }

  /** Forgets everything; a waiting fetch goes on (to nowhere). */
  clear(): void {
    this.#records.clear();
    this.#bytes = 0;
    this.#release();
  }

  #release(): void {
    this.#drained?.resolve();
    this.#drained = null;
  }
}

function sizeOf(record: LogRecord): number {
  return (record.value?.length ?? 0) + (record.key?.length ?? 0) + 32;
}
