/** Inbound records that were decoded and not decided yet. Bounded: what comes next waits while it is over its limit. */
import type { LogRecord } from '../../core/ports/event-log.ts';
import type { Share } from './share.ts';

export class InboundQueue {
  readonly #limit: Pick<Share, 'queueBytes'>;
  #records: LogRecord[] = [];
  #head = 0;
  #bytes = 0;
  #drained: PromiseWithResolvers<void> | null = null;
  #arrivedAt = 0;

  constructor(limit: Pick<Share, 'queueBytes'>) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#records.length - this.#head;
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
    return this.#records[this.#head];
  }

  shift(): void {
    const record = this.#records[this.#head];
    if (record === undefined) return;
    this.#head++;
    this.#bytes -= sizeOf(record);
    if (this.#head === this.#records.length) {
      this.#records = [];
      this.#head = 0;
    } else if (this.#head > 4_096) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
    if (this.#bytes <= this.#limit.queueBytes) this.#release();
  }

  /** Puts records back in front, to be decided again. */
  unshift(records: readonly LogRecord[]): void {
    this.#records = [...records, ...this.#records.slice(this.#head)];
    this.#head = 0;
    for (const record of records) this.#bytes += sizeOf(record);
  }

  /** Forgets everything; a waiting fetch goes on (to nowhere). */
  clear(): void {
    this.#records = [];
    this.#head = 0;
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
