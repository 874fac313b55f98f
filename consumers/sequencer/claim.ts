/**
 * Claiming a partition: a record with a fresh nonce goes into outbound, sent once, never retried. The epoch is the offset at
 * which this process *reads* it, not what the produce answered: only by then everything that earlier owners wrote has
 * been folded, and nobody's later claim stands between.
 */
import { RoomlogError } from '../../core/errors.ts';
import { type Epoch, NO_EPOCH, NO_OFFSET } from '../../core/ids.ts';
import { FOLD_VERSION, type OutboundRecord } from '../../core/log/record.ts';
import type { AppendOutcome } from '../../core/ports/event-log.ts';
import { patiently, pause, pauseMs } from '../patience.ts';
import type { SequencerContext } from './context.ts';
import { FENCED, halted, type Interruption, interruptionOf, LOST } from './interruption.ts';
import type { Pulse } from './pulse.ts';
import type { ReadBack } from './read-back.ts';
import { NAMING_PARTITION } from './stream-id.ts';
import type { Tenure } from './tenure.ts';

/**
 * A claim that was not read this long after its append settled, though the end of the partition was, is given up: the next one
 * has another nonce. Should the first arrive later after all, it fences like any other.
 */
export const CLAIM_READ_BACK_MS = 3_000;
/** How often partition 0 is looked at for the stream's id. */
const STREAM_ID_POLL_MS = 100;
const NONCE_BYTES = 16;

export interface ClaimRequest {
  readonly context: SequencerContext;
  readonly readBack: ReadBack;
  readonly tenure: Tenure;
  readonly pulse: Pulse;
}

export type Claimed = { readonly kind: 'claimed'; readonly epoch: Epoch };

/** Resolves once an own claim, with the stream's id, was read and nothing later; the fold is complete up to it. */
export async function claimPartition(request: ClaimRequest): Promise<Claimed | Interruption> {
  const { context, readBack, tenure } = request;
  const { partition } = readBack;
  // Reading is what takes longest, and does no harm: it begins while the partition's first claim is looked at.
  if (context.identity.known !== null) readBack.open();
  const streamId = await learnStreamId(request);
  if (typeof streamId === 'object') return streamId;
  readBack.open();
  for (let attempt = 1; ; attempt++) {
    const known = context.identity.known ?? streamId;
    const claimed = await claimOnce(request, known);
    if (claimed === 'again') {
      await pause(pauseMs(attempt));
      if (tenure.closing) return LOST;
      continue;
    }
    if (claimed.kind !== 'claimed' || known !== '') return claimed;
    // The first claim of a stream: it had no id to carry, but its nonce, or that of one before it, is the id.
    const named = nameStream(request);
    if (named !== null) return named;
    context.logger.info({ partition, streamId: context.identity.known }, 'the stream was named');
  }
}

/** Throws nothing: the id, '' for "to be named by our claim", or what stands in the way. */
async function learnStreamId({ context, readBack, tenure }: ClaimRequest): Promise<string | Interruption> {
  const { identity, logger } = context;
  const { partition } = readBack;
  const goOn = () => !tenure.closing;
  const onRetry = (error: RoomlogError, attempt: number) =>
    logger.warn({ partition, code: error.code, attempt }, 'waiting to learn the stream’s id');
  try {
    for (;;) {
      const streamId = await patiently(() => identity.lookUp(goOn), { goOn, onRetry });
      if (tenure.closing) return LOST;
      if (streamId === null && partition === NAMING_PARTITION) return '';
      if (streamId !== null) {
        await patiently(() => identity.checkPartition(partition, goOn), { goOn, onRetry });
        return tenure.closing ? LOST : streamId;
      }
      await pause(STREAM_ID_POLL_MS);
      if (tenure.closing) return LOST;
    }
  } catch (thrown) {
    if (tenure.closing) return LOST;
    return halted(thrown as RoomlogError);
  }
}

function nameStream({ context, readBack }: ClaimRequest): Interruption | null {
  const { streamId } = readBack.fold.chain;
  try {
    if (streamId === null) throw new RoomlogError('stream_mismatch', 'The first claim of the stream was not read.');
    context.identity.learn(streamId);
    return null;
  } catch (thrown) {
    return halted(thrown as RoomlogError);
  }
}

async function claimOnce(request: ClaimRequest, streamId: string): Promise<Claimed | Interruption | 'again'> {
  const { context, readBack, tenure, pulse } = request;
  const { partition } = readBack;
  const blocked = () => (tenure.closing ? LOST : interruptionOf(tenure, readBack, null));
  await pulse.until(() => blocked() !== null || (readBack.located && tenure.mayWrite));
  const before = blocked();
  if (before !== null) return before;

  const nonce = context.random(NONCE_BYTES);
  const value = context.codec.encodeOutbound(claimRecord(nonce, streamId, context));
  readBack.awaitClaim(nonce);
  const outcome = await appendOnce(context, partition, value, () => blocked() === null && tenure.mayWrite);
  const settledAt = context.clock.monotonic();
  // A broker that has just started may not know the topic yet.
  if (outcome.status === 'refused' && outcome.error.code !== 'topic_missing') return halted(outcome.error);
  if (outcome.status !== 'appended') {
    context.logger.warn(
      { partition, status: outcome.status, code: outcome.error.code },
      'a claim may not have been written',
    );
  }
  if (outcome.status === 'not_appended' || outcome.status === 'refused') return 'again';

  const expired = () => readBack.caughtUp && context.clock.monotonic() - settledAt > CLAIM_READ_BACK_MS;
  await pulse.until(() => blocked() !== null || readBack.claimReadAt !== null || expired());
  const after = blocked();
  if (after !== null) return after;
  const readAt = readBack.claimReadAt;
  if (readAt === null) {
    context.logger.warn({ partition, status: outcome.status }, 'a claim was not read back; claiming again');
    return 'again';
  }
  if (readBack.epoch !== (readAt as number)) return FENCED;
  context.metrics.claimed();
  return { kind: 'claimed', epoch: readBack.epoch };
}

async function appendOnce(
  context: SequencerContext,
  partition: ReadBack['partition'],
  value: Buffer,
  mayLeave: () => boolean,
): Promise<AppendOutcome> {
  // A request of its own: other partitions' batches must not wait for its answer, nor it for theirs.
  const records = [{ key: null, value }];
  const [outcome] = await context.log.append(context.topics.outbound, [{ partition, records, mayLeave }]);
  return outcome ?? { partition, status: 'unknown', error: new RoomlogError('kafka_unreachable') };
}

function claimRecord(nonce: Uint8Array, streamId: string, { partitions, canaries }: SequencerContext): OutboundRecord {
  const { intervalMs: canaryIntervalMs } = canaries;
  return {
    epoch: NO_EPOCH,
    inbound: NO_OFFSET,
    prevInbound: NO_OFFSET,
    inboundTime: 0,
    claim: { nonce, streamId, foldVersion: FOLD_VERSION, partitions, canaryIntervalMs },
    event: null,
    answer: null,
    skipped: null,
  };
}
