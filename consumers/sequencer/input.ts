/**
 * Where inbound goes on after a claim: behind what the fold says was answered last, never where the group's commit stands.
 * Refuses to go on where inbound can't be the log that outbound was made from.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { LogRecord, OffsetRange } from '../../core/ports/event-log.ts';
import { placeInbound } from '../inbound-place.ts';
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
  // Both of one moment: while this waits for brokers, another owner may answer more.
  const { partition, lastInbound, lastInboundTime } = readBack;
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
  const answered = { lastInbound, lastInboundTime };
  const place = await placeInbound(answered, range, (at) => patiently(() => readOne(context, readBack, at), patience));
  if (place.kind === 'goes_on') return place.next;
  throw inputError(place.kind, `${topic} partition ${partition}: ${place.found}.`);
}

/** Says what was found, and the way out. */
export function inputError(
  code: 'input_lost' | 'inbound_replaced',
  found: string,
  options: { readonly cause?: unknown } = {},
): RoomlogError {
  const first = code === 'input_lost' ? 'Raise the retention of inbound' : 'Restore inbound as it was, if you can';
  const message = `${found} ${first}; \`roomlog repair skip\` shows what is lost and goes on (docs/guarantees.md).`;
  return new RoomlogError(code, message, options);
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

/** What the tail said of inbound, as a reason to halt. */
export function explainInbound(error: RoomlogError, partition: Partition): RoomlogError {
  if (error.code !== 'offset_out_of_range') return error;
  const { start, end, offset } = error.details;
  const where = `Inbound partition ${partition}:`;
  if (typeof end === 'number' && typeof offset === 'number' && offset > end) {
    const found = `${where} it ends at ${end}, but ${offset} was next: it was recreated or rewound.`;
    return inputError('inbound_replaced', found, { cause: error });
  }
  const found = `${where} it begins at ${String(start)}, but ${String(offset)} was next: records were deleted before they were sequenced.`;
  return inputError('input_lost', found, { cause: error });
}
