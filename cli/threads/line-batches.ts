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

export interface LineBatch {
  /** Log time of each event, ms. */
  readonly times: Float64Array<ArrayBuffer>;
  /** Where each event's line ends in `text`; the next one begins there. */
  readonly ends: Uint32Array<ArrayBuffer>;
  readonly text: Uint8Array<ArrayBuffer>;
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

/** Throws what reading the log throws. */
export async function* lineBatches(
  options: ReplayOptions,
  format: ReplayFormat,
  partition: Partition,
  range: OffsetRange,
  readable: ReadableData,
): AsyncGenerator<LineBatch> {
  const write = replayLine(format);
  const lines = new LineBytes();
  for await (const events of replayPartition(options, partition, range))
    yield batchOf(await readable.all(events), lines, write);
}

function batchOf(
  events: readonly ReplayedEvent[],
  lines: LineBytes,
  write: (into: LineBytes, event: ReplayedEvent) => void,
): LineBatch {
  const times = new Float64Array(events.length);
  const ends = new Uint32Array(events.length);
  for (let index = 0; index < events.length; index++) {
    const event = events[index] as ReplayedEvent;
    write(lines, event);
    times[index] = event.time;
    ends[index] = lines.length;
  }
  return { times, ends, text: lines.take() };
}
