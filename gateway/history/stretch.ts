/**
 * The accepted part of one range of a partition, as it was read from the log. Which records count was judged by their heads alone; an
 * event's body is decoded when somebody first asks for it, and once for all who do.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import type { Anchor } from '../../core/log/chain.ts';
import type { Codec } from '../../schemas/codec.ts';
import { LogEvent, OVERHEAD_BYTES } from './log-event.ts';

/** Bodies decoded between two looks at the clock. */
const BODIES_PER_LOOK = 16;

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
  /** Beside `#offsets`: the record until its event is asked for. */
  readonly #entries: Array<Buffer | LogEvent> = [];
  /** Places in `#offsets`, ascending. */
  readonly #rooms = new Map<RoomId, number[]>();
  readonly #claims = new Set<number>();
  #next: Anchor | null = null;
  #bytes = 0;

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

  /** What it keeps in memory once all of its events were asked for, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes in an accepted event's record. Offsets ascend. */
  add(offset: Offset, room: RoomId, record: Buffer): void {
    const places = this.#rooms.get(room);
    if (places === undefined) this.#rooms.set(room, [this.#offsets.length]);
    else places.push(this.#offsets.length);
    this.#offsets.push(offset);
    // A copy: it would keep a whole answer of Kafka's alive.
    this.#entries.push(Buffer.from(record));
    this.#bytes += record.length + OVERHEAD_BYTES;
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
      const place = places[index] as number;
      const isNew = !(this.#entries[place] instanceof LogEvent);
      if (isNew && decoded++ % BODIES_PER_LOOK === 0 && budget.spent()) await budget.turn();
      const made = this.#event(place);
      const event = made instanceof LogEvent ? made : await made;
      events.push(event);
      bytes += event.bytes;
    }
    return { events, more: index < places.length };
  }

  /** A promise only where a schema has to be looked up. */
  #event(place: number): LogEvent | Promise<LogEvent> {
    const entry = this.#entries[place] as Buffer | LogEvent;
    if (entry instanceof LogEvent) return entry;
    const { codec, streamId, partition } = this.#options;
    const record = codec.decodeOutbound(entry);
    // The head was read before, so it is the schema of the event's data.
    if ('unknownSchema' in record) return codec.ensureSchema(record.unknownSchema).then(() => this.#event(place));
    if (record.event === null) {
      throw new RoomlogError('corrupt_record', 'A record is not what its head says.');
    }
    const made = new LogEvent(streamId, partition, this.#offsets[place] as Offset, record.event);
    this.#entries[place] = made;
    return made;
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
