/**
 * The hot ring: the newest accepted events of one partition, up to a number of bytes, by room and seq. Within a room it holds
 * an unbroken run up to the head, so one comparison tells whether a reader's position is covered.
 *
 * Most events are never asked for: nobody joins, nobody is behind. So it keeps their records' bytes and some numbers, and makes an event
 * when somebody first asks for it, once for all who do.
 */
import type { Offset, RoomId } from '../../core/ids.ts';
import { Queue } from '../../core/limits/queue.ts';
import type { OutboundHead } from '../../core/log/record.ts';
import { type LogEvent, OVERHEAD_BYTES } from './log-event.ts';
import { RecordBytes } from './record-bytes.ts';

/** Makes an event of its record's bytes, which are its own. */
export type ReadEvent = (offset: Offset, record: Buffer) => LogEvent;

/** Consecutive events of a room. */
interface Run {
  readonly room: RoomId;
  /** Of the oldest one. */
  firstSeq: number;
  /** Of each event, oldest first: how many the ring was given before it. */
  readonly places: Queue<number>;
}

export class Ring {
  readonly #limitBytes: number;
  readonly #read: ReadEvent;
  #records = new RecordBytes();
  /** Of each event held, oldest first: where its record begins, its offset in the log, and its room's run. */
  readonly #starts = new Queue<number>();
  readonly #offsets = new Queue<Offset>();
  readonly #runs = new Queue<Run>();
  /** Place of the oldest. */
  #first = 0;
  readonly #rooms = new Map<RoomId, Run>();
  /** What was asked for, by place. */
  readonly #made = new Map<number, LogEvent>();

  constructor(limitBytes: number, read: ReadEvent) {
    this.#limitBytes = limitBytes;
    this.#read = read;
  }

  /** Bytes of its records, and of its events as objects once all were asked for, about. An event that was asked for holds a copy of its record beside these. */
  get bytes(): number {
    return this.#records.bytes + this.size * OVERHEAD_BYTES;
  }

  /** As many events as fit, were they empty. */
  get maxEvents(): number {
    return Math.ceil(this.#limitBytes / OVERHEAD_BYTES);
  }

  get size(): number {
    return this.#offsets.size;
  }

  /** Takes the room's next event in; drops the oldest of the partition where the limit is passed. Copies the record. */
  push({ room, seq }: NonNullable<OutboundHead['event']>, offset: Offset, record: Buffer): void {
    let run = this.#rooms.get(room);
    if (run === undefined || run.firstSeq + run.places.size !== seq) {
      // A hole can only come from a fold that lost records: what is older can't be joined to what is newer. It stays until it is dropped.
      run = { room, firstSeq: seq, places: new Queue() };
      this.#rooms.set(room, run);
    }
    run.places.push(this.#first + this.size);
    this.#starts.push(this.#records.end);
    this.#offsets.push(offset);
    this.#runs.push(run);
    this.#records.push(record);
    while (this.bytes > this.#limitBytes && this.size > 0) this.#dropOldest();
  }

  /** The oldest event held of a room. */
  first(room: RoomId): LogEvent | undefined {
    const run = this.#rooms.get(room);
    return run === undefined ? undefined : this.#at(run, run.firstSeq);
  }

  /** Where the oldest event held of the partition stands. */
  get oldest(): Offset | undefined {
    return this.#offsets.at(0);
  }

  at(room: RoomId, seq: number): LogEvent | undefined {
    const run = this.#rooms.get(room);
    return run === undefined ? undefined : this.#at(run, seq);
  }

  /**
   * The events of the room after `seq`, oldest first, cut after `maxBytes` (at least one); null where they are not all held,
   * which includes a room without any.
   */
  after(room: RoomId, seq: number, maxBytes: number): LogEvent[] | null {
    const run = this.#rooms.get(room);
    if (run === undefined || run.firstSeq > seq + 1) return null;
    const found: LogEvent[] = [];
    let bytes = 0;
    for (let next = seq + 1; bytes < maxBytes; next += 1) {
      const event = this.#at(run, next);
      if (event === undefined) break;
      found.push(event);
      bytes += event.bytes;
    }
    return found;
  }

  /** Forgets all: what comes next does not follow what is held. */
  clear(): void {
    this.#records = new RecordBytes();
    this.#starts.clear();
    this.#offsets.clear();
    this.#runs.clear();
    this.#first = 0;
    this.#rooms.clear();
    this.#made.clear();
  }

  #at(run: Run, seq: number): LogEvent | undefined {
    const place = run.places.at(seq - run.firstSeq);
    return place === undefined ? undefined : (this.#made.get(place) ?? this.#make(place));
  }

  #make(place: number): LogEvent {
    const index = place - this.#first;
    const start = this.#starts.at(index) as number;
    const end = this.#starts.at(index + 1) ?? this.#records.end;
    const event = this.#read(this.#offsets.at(index) as Offset, this.#records.copy(start, end));
    this.#made.set(place, event);
    return event;
  }

  #dropOldest(): void {
    const run = this.#runs.shift();
    if (run === undefined) return;
    this.#made.delete(this.#first);
    this.#first += 1;
    this.#offsets.shift();
    this.#starts.shift();
    this.#records.dropBelow(this.#starts.at(0) ?? this.#records.end);
    run.firstSeq += 1;
    run.places.shift();
    // The room may have begun a new run since.
    if (run.places.size === 0 && this.#rooms.get(run.room) === run) this.#rooms.delete(run.room);
  }
}
