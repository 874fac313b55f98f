/**
 * The hot ring: the newest accepted events of one partition, up to a number of bytes, by room and seq. Within a room it holds
 * an unbroken run up to the head, so one comparison tells whether a reader's position is covered.
 */
import type { RoomId } from '../../core/ids.ts';
import { type LogEvent, OVERHEAD_BYTES } from './log-event.ts';

/** Dropped places at the front of an array that are tolerated before it is cut. */
const MAX_DEAD_ENTRIES = 1_024;

/** A queue whose front is dropped in constant time. */
class Run {
  #events: LogEvent[] = [];
  #first = 0;

  get length(): number {
    return this.#events.length - this.#first;
  }

  at(index: number): LogEvent | undefined {
    return index < 0 ? undefined : this.#events[this.#first + index];
  }

  push(event: LogEvent): void {
    this.#events.push(event);
  }

  shift(): LogEvent | undefined {
    const event = this.#events[this.#first];
    if (event === undefined) return undefined;
    this.#first += 1;
    if (this.#first > MAX_DEAD_ENTRIES || this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
    return event;
  }
}

export class Ring {
  readonly #limitBytes: number;
  #all = new Run();
  readonly #rooms = new Map<RoomId, Run>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes held, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** As many events as fit, were they empty. */
  get maxEvents(): number {
    return Math.ceil(this.#limitBytes / OVERHEAD_BYTES);
  }

  get size(): number {
    return this.#all.length;
  }

  /** Takes the room's next event in; drops the oldest of the partition where the limit is passed. */
  push(event: LogEvent): void {
    let run = this.#rooms.get(event.room);
    const newest = run?.at(run.length - 1);
    if (run === undefined || (newest !== undefined && newest.seq + 1 !== event.seq)) {
      // A hole can only come from a fold that lost records: what is older can't be joined to what is newer.
      if (run !== undefined) this.#forget(event.room);
      run = new Run();
      this.#rooms.set(event.room, run);
    }
    run.push(event);
    this.#all.push(event);
    this.#bytes += event.bytes;
    while (this.#bytes > this.#limitBytes && this.#all.length > 0) this.#dropOldest();
  }

  /** The oldest event held of a room. */
  first(room: RoomId): LogEvent | undefined {
    return this.#rooms.get(room)?.at(0);
  }

  /** The oldest event held of the partition. */
  get oldest(): LogEvent | undefined {
    return this.#all.at(0);
  }

  at(room: RoomId, seq: number): LogEvent | undefined {
    const run = this.#rooms.get(room);
    const first = run?.at(0);
    return run === undefined || first === undefined ? undefined : run.at(seq - first.seq);
  }

  /** Whether every event of the room after `seq` that exists is held. Only for rooms that have one after `seq`. */
  covers(room: RoomId, seq: number): boolean {
    const first = this.first(room);
    return first !== undefined && first.seq <= seq + 1;
  }

  /**
   * The events of the room after `seq`, oldest first, cut after `maxBytes` (at least one); null where they are not all held,
   * which includes a room without any.
   */
  after(room: RoomId, seq: number, maxBytes: number): LogEvent[] | null {
    const run = this.#rooms.get(room);
    const first = run?.at(0);
    if (run === undefined || first === undefined || first.seq > seq + 1) return null;
    const found: LogEvent[] = [];
    let bytes = 0;
    for (let index = seq + 1 - first.seq; index < run.length && bytes < maxBytes; index += 1) {
      const event = run.at(index) as LogEvent;
      found.push(event);
      bytes += event.bytes;
    }
    return found;
  }

  /** Forgets all: what comes next does not follow what is held. */
  clear(): void {
    this.#all = new Run();
    this.#rooms.clear();
    this.#bytes = 0;
  }

  #dropOldest(): void {
    const oldest = this.#all.shift();
    if (oldest === undefined) return;
    this.#bytes -= oldest.bytes;
    const run = this.#rooms.get(oldest.room);
    // The room's run may have been forgotten and begun anew since.
    if (run === undefined || run.at(0) !== oldest) return;
    run.shift();
    if (run.length === 0) this.#rooms.delete(oldest.room);
  }

  #forget(room: RoomId): void {
    // The events stay in `#all` until they are dropped there, which keeps the count of bytes simple.
    this.#rooms.delete(room);
  }
}
