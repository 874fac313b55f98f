/**
 * Where inbound goes on after a claim: behind what the fold says was answered last, never where the group's commit stands.
 * Refuses to go on where inbound can't be the log that outbound was made from.
 */
import { RoomlogError } from '../../core/errors.ts';
import { NO_OFFSET, type Offset } from '../../core/ids.ts';
import type { LogRecord, OffsetRange } from '../../core/ports/event-log.ts';
import { patiently, pause } from '../patience.ts';
import type { SequencerContext } from './context.ts';
import type { ReadBack } from './read-back.ts';
import type { Tenure } from './tenure.ts';

/** A new leader may know less of its end for a moment than the old one told: looked at this often before it counts. */
const BEHIND_TRIES = 10;
const BEHIND_PAUSE_MS = 500;

/**
 * The offset to read next. Throws `input_lost` (retention was faster than sequencing), `inbound_replaced` (another
 * topic, or one rewound), or whatever reading threw when the tenure ended.
 */
export async function findInput(context: SequencerContext, readBack: ReadBack, tenure: Tenure): Promise<Offset> {
  const { partition, lastInbound } = readBack;
  const topic = context.topics.inbound;
  const next = (lastInbound + 1) as Offset;
  const patience = {
    goOn: () => !tenure.closing,
    onRetry: (error: RoomlogError, attempt: number) =>
      context.logger.warn({ partition, code: error.code, attempt }, 'waiting for inbound'),
  };
  let range = await patiently(() => rangeOf(context, partition), patience);
  for (let tries = 1; next > range.end && tries < BEHIND_TRIES && !tenure.closing; tries++) {
    await pause(BEHIND_PAUSE_MS);
    range = await patiently(() => rangeOf(context, partition), patience);
  }
  if (next > range.end) {
    throw new RoomlogError(
      'inbound_replaced',
      `Outbound answered inbound up to ${lastInbound}, but ${topic} partition ${partition} ends at ${range.end}: it was recreated or rewound. Restore it, or start a new stream with a new prefix.`,
    );
  }
  if (next < range.start) {
    throw new RoomlogError(
      'input_lost',
      `Inbound records ${next} to ${range.start - 1} of ${topic} partition ${partition} were deleted before they were sequenced. Raise its retention; see docs/guarantees.md for how to go on.`,
    );
  }
  if (lastInbound !== NO_OFFSET && lastInbound >= range.start) {
    const last = await patiently(() => readOne(context, readBack, lastInbound), patience);
    const expected = readBack.lastInboundTime;
    if (last !== null && expected !== 0 && last.timestamp !== expected) {
      throw new RoomlogError(
        'inbound_replaced',
        `Inbound record ${lastInbound} of ${topic} partition ${partition} has timestamp ${last.timestamp}, but outbound answered one of ${expected}: it was recreated. Restore it, or start a new stream with a new prefix.`,
      );
    }
  }
  return next;
}

async function rangeOf(context: SequencerContext, partition: ReadBack['partition']): Promise<OffsetRange> {
  const range = (await context.log.ranges(context.topics.inbound, [partition])).get(partition);
  if (range === undefined) throw new RoomlogError('topic_missing', undefined, { details: { partition } });
  return range;
}

/** The inbound record at an offset; null where it is not there any more, or never was a record. */
export async function readOne(context: SequencerContext, readBack: ReadBack, at: Offset): Promise<LogRecord | null> {
  const { partition } = readBack;
  const range = { topic: context.topics.inbound, partition, from: at, to: (at + 1) as Offset };
  try {
    for await (const records of context.log.readRange(range)) {
      const found = records.find(({ offset }) => offset === at);
      if (found !== undefined) return found;
    }
  } catch (thrown) {
    // Retention may pass it between our look at the range and now.
    if (thrown instanceof RoomlogError && thrown.code === 'offset_out_of_range') return null;
    throw thrown;
  }
  return null;
}
