/** A partition's replayed events as lines, a fetch at a time, in a form that one thread can give to another without copying. */
import {
  type ReplayedEvent,
  type ReplayFrom,
  type ReplayOptions,
  replayPartition,
} from '../../consumers/replay/replay.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Partition, RoomId } from '../../core/ids.ts';
import { topicsOf } from '../../core/names.ts';
import type { EventLog, OffsetRange } from '../../core/ports/event-log.ts';
import { compilePattern } from '../../core/room-pattern.ts';
import type { Codec } from '../../schemas/codec.ts';
import { type ReplayFormat, replayLine } from '../commands/replay-lines.ts';
import { LineBytes } from '../line-bytes.ts';
import type { ReadableData } from '../readable-data.ts';
import { SpareBuffers } from '../spare-buffers.ts';

export interface LineBatch {
  /** Log time of each event, ms. */
  readonly times: Float64Array<ArrayBuffer>;
  /** Where each event's line ends in `text`; the next one begins there. */
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly text: Uint8Array<ArrayBuffer>;
  /** Nobody reads it any more: `text` is written to again. */
  done(): void;
}

/** What to print; plain data, so that threads can be told. */
export interface ReplaySetting {
  readonly config: Config;
  /** One room, or null: all that match the pattern. */
  readonly room: RoomId | null;
  readonly pattern: string | undefined;
  readonly from: ReplayFrom;
  readonly format: ReplayFormat;
}

export function replayOptions(
  { config, room, pattern, from }: ReplaySetting,
  log: EventLog,
  codec: Codec,
): ReplayOptions {
  const topics = topicsOf(config.stream.prefix);
  if (room !== null) return { log, codec, topics, from, rooms: room };
  const compiled = compilePattern(pattern ?? '**');
  return { log, codec, topics, from, rooms: (name) => compiled.matches(name) };
}

/** Lines of one batch come to about as much; each costs both threads a message. */
const BATCH_BYTES = 524_288;
/** Room for a batch and for what its last portion goes beyond, mostly. */
const BUFFER_BYTES = 655_360;
/** Where few events are wanted, nobody waits for more than so many portions of the log to be read. */
const BATCH_PORTIONS = 16;

/** What `lineBatches` of one thread share. */
export const lineBuffers = (): SpareBuffers => new SpareBuffers(BUFFER_BYTES);

/** Throws what reading the log throws, after all lines before it. */
export async function* lineBatches(
  options: ReplayOptions,
  format: ReplayFormat,
  partition: Partition,
  range: OffsetRange,
  readable: ReadableData,
  buffers: SpareBuffers,
): AsyncGenerator<LineBatch> {
  const batch = new OpenBatch(replayLine(format), buffers);
  let portions = 0;
  try {
    for await (const events of replayPartition(options, partition, range)) {
      batch.add(await readable.all(events));
      if (batch.bytes < BATCH_BYTES && ++portions < BATCH_PORTIONS) continue;
      portions = 0;
      yield batch.take();
    }
  } catch (thrown) {
    yield batch.take();
    throw thrown;
  }
  yield batch.take();
}

/** Buffers of its own as well: they are handed over, and nothing can be twice. */
const emptyBatch = (): LineBatch => ({
  times: new Float64Array(),
  ends: new Uint32Array(),
  text: new Uint8Array(),
  done: () => {},
});

class OpenBatch {
  readonly #write: (into: LineBytes, event: ReplayedEvent) => void;
  readonly #buffers: SpareBuffers;
  readonly #lines: LineBytes;
  #times: number[] = [];
  #ends: number[] = [];

  constructor(write: (into: LineBytes, event: ReplayedEvent) => void, buffers: SpareBuffers) {
    this.#write = write;
    this.#buffers = buffers;
    this.#lines = new LineBytes(buffers);
  }

  get bytes(): number {
    return this.#lines.length;
  }

  add(events: readonly ReplayedEvent[]): void {
    const lines = this.#lines;
    for (const event of events) {
      this.#write(lines, event);
      this.#times.push(event.time);
      this.#ends.push(lines.length);
    }
  }

  take(): LineBatch {
    if (this.#times.length === 0) return emptyBatch();
    const text = this.#lines.take();
    const taken = {
      times: new Float64Array(this.#times),
      ends: new Uint32Array(this.#ends),
      text,
      done: () => this.#buffers.giveBack(text.buffer),
    };
    this.#times = [];
    this.#ends = [];
    return taken;
  }
}
