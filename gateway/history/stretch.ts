/**
 * The accepted part of one range of a partition, as it was read from the log. Which records count was judged by their heads alone, and what is kept is
 * their bytes, with some numbers beside them: V8's young generation copies what lives, so ten thousand events kept as objects cost live members pauses
 * of 10 ms. An event is made each time that somebody asks; what many want is its frames, which `fanout/recent-deliveries.ts` keeps.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import type { Anchor } from '../../core/log/chain.ts';
import type { Codec } from '../../schemas/codec.ts';
import { LogEvent } from './log-event.ts';
import { RecordBytes } from './record-bytes.ts';

/** Bodies decoded between two looks at the clock. */
const BODIES_PER_LOOK = 16;
/** What a record takes beside its bytes: its offset, where it begins, its place among its room's. */
export const PLACE_BYTES = 24;

/** Lets long work go on in a later turn of the event loop. */
export interface TurnBudget {
  spent(): boolean;
  turn(): Promise<void>;
}

export interface StretchOptions {
  readonly partition: Partition;
  readonly streamId: string;
  readonly codec: Pick<Codec, 'decodeOutbound' | 'ensureSchema'>;
  /** What decoding bodies may take of a turn. */
  readonly budget: TurnBudget;
  readonly from: Offset;
}

/** Events of one room; `more` where the stretch holds further ones. */
export interface RoomPart {
  readonly events: readonly LogEvent[];
  readonly more: boolean;
}

export class Stretch {
  readonly partition: Partition;
  readonly from: Offset;
  readonly #options: StretchOptions;
  /** Ascending. */
  readonly #offsets: number[] = [];
  readonly #records = new RecordBytes();
  /** Beside `#offsets`: where the record begins in `#records`. */
  readonly #starts: number[] = [];
  /** Places in `#offsets`, ascending. */
  readonly #rooms = new Map<RoomId, number[]>();
  readonly #claims = new Set<number>();
  #next: Anchor | null = null;

  constructor(options: StretchOptions) {
    this.partition = options.partition;
    this.from = options.from;
    this.#options = options;
  }

  /** Where the log goes on behind it. */
  get next(): Anchor {
    if (this.#next === null) throw new Error('the stretch was not read to its end');
    return this.#next;
  }

  /** What it keeps in memory, about. */
  get bytes(): number {
    return this.#records.capacity + this.#offsets.length * PLACE_BYTES;
  }

  /** Takes in an accepted event's record, copied: it would keep a whole answer of Kafka's alive. Offsets ascend. */
  add(offset: Offset, room: RoomId, record: Buffer): void {
    const places = this.#rooms.get(room);
    if (places === undefined) this.#rooms.set(room, [this.#offsets.length]);
    else places.push(this.#offsets.length);
    this.#offsets.push(offset);
    this.#starts.push(this.#records.end);
    this.#records.push(record);
  }

  addClaim(offset: Offset): void {
    this.#claims.add(offset);
  }

  /** No record is taken in after this. */
  end(next: Anchor): void {
    this.#next = next;
  }

  covers(offset: number): boolean {
    return this.from <= offset && offset < this.next.offset;
  }

  /** What stands at an offset that it covers: an accepted event, a claim, or nothing that counts. Throws as `eventsOf`. */
  async at(offset: Offset): Promise<LogEvent | 'claim' | null> {
    if (this.#claims.has(offset)) return 'claim';
    const place = atLeast(this.#offsets, offset);
    return this.#offsets[place] === offset ? await this.#event(place) : null;
  }

  /**
   * The room's events from an offset on, oldest first, cut after `maxBytes` (at least one); once the schemas that their bodies need have
   * been looked up. Throws `corrupt_record`, and what a look-up throws.
   */
  async eventsOf(room: RoomId, from: Offset, maxBytes: number): Promise<RoomPart> {
    const { budget } = this.#options;
    const places = this.#rooms.get(room) ?? [];
    let decoded = 0;
    const events: LogEvent[] = [];
    let bytes = 0;
    let index = atLeast(places, atLeast(this.#offsets, from));
    for (; index < places.length && bytes < maxBytes; index += 1) {
      if (decoded++ % BODIES_PER_LOOK === 0 && budget.spent()) await budget.turn();
      const made = this.#event(places[index] as number);
      const event = made instanceof LogEvent ? made : await made;
      events.push(event);
      bytes += event.bytes;
    }
    return { events, more: index < places.length };
  }

  /** A promise only where a schema has to be looked up. */
  #event(place: number): LogEvent | Promise<LogEvent> {
    const { codec, streamId, partition } = this.#options;
    const start = this.#starts[place] as number;
    const record = codec.decodeOutbound(this.#records.view(start, this.#starts[place + 1] ?? this.#records.end));
    // The head was read before, so it is the schema of the event's data.
    if ('unknownSchema' in record) return codec.ensureSchema(record.unknownSchema).then(() => this.#event(place));
    if (record.event === null) {
      throw new RoomlogError('corrupt_record', 'A record is not what its head says.');
    }
    return new LogEvent(streamId, partition, this.#offsets[place] as Offset, record.event);
  }
}

/** The place of the first of ascending numbers that is not below `value`. */
export function atLeast(numbers: readonly number[], value: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
