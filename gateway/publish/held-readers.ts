/**
 * Sockets that are not read because what they publish finds no room; TCP pushes back meanwhile. They are read on in the order in
 * which they were stopped, a few at a time, so that none of them takes all the room that has come.
 */
import type { Partition } from '../../core/ids.ts';

/** Sockets that are read on in one turn of the event loop, per partition. */
const READ_ON_AT_ONCE = 16;

/** A connection whose socket can be left alone for a while. */
export interface HeldReader {
  stopReading(): void;
  readOn(): void;
}

export interface HeldReadersOptions {
  readonly now: () => number;
  /** Longest that a socket is left unread, ms: pings, leaves and closes lie behind the publishes. */
  readonly maxHeldMs: number;
  /** Whether there is room again, well below the mark at which sockets are stopped. */
  readonly hasRoom: (partition: Partition) => boolean;
}

export class HeldReaders {
  readonly #options: HeldReadersOptions;
  /** Since when, oldest first. */
  readonly #byPartition = new Map<Partition, Map<HeldReader, number>>();
  readonly #partitionOf = new Map<HeldReader, Partition>();
  #isDue = false;

  constructor(options: HeldReadersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#partitionOf.size;
  }

  hold(partition: Partition, reader: HeldReader): void {
    if (this.#partitionOf.has(reader)) return;
    const held = this.#byPartition.get(partition) ?? new Map<HeldReader, number>();
    this.#byPartition.set(partition, held);
    held.set(reader, this.#options.now());
    this.#partitionOf.set(reader, partition);
    reader.stopReading();
  }

  /** It is gone, or is read on for its own reasons. */
  forget(reader: HeldReader): void {
    const partition = this.#partitionOf.get(reader);
    if (partition === undefined) return;
    this.#partitionOf.delete(reader);
    const held = this.#byPartition.get(partition);
    held?.delete(reader);
    if (held?.size === 0) this.#byPartition.delete(partition);
  }

  /** Something has come out: looks for room when the turn's work is done. */
  look(): void {
    if (this.#isDue || this.#partitionOf.size === 0) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      this.#readOn();
    });
  }

  /** To be called now and then: reads on whoever was left alone for too long. */
  sweep(): void {
    const before = this.#options.now() - this.#options.maxHeldMs;
    for (const held of [...this.#byPartition.values()]) {
      for (const [reader, sinceMs] of [...held]) {
        if (sinceMs > before) break;
        this.#release(reader);
      }
    }
    this.look();
  }

  #readOn(): void {
    let more = false;
    for (const [partition, held] of [...this.#byPartition]) {
      if (!this.#options.hasRoom(partition)) continue;
      for (const reader of [...held.keys()].slice(0, READ_ON_AT_ONCE)) this.#release(reader);
      more ||= held.size > 0;
    }
    if (more) this.look();
  }

  #release(reader: HeldReader): void {
    this.forget(reader);
    reader.readOn();
  }
}
