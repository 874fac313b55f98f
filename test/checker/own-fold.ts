/**
 * The rules of docs/adr/0001, written down a second time: nothing here comes from `core`. A mistake in the production fold
 * would otherwise be a mistake of its judge too.
 */
import type { Findings } from './anomaly.ts';
import type { LogEvent, LogLine } from './log-line.ts';

export interface FoldedEvent extends LogEvent {
  readonly partition: number;
  readonly offset: number;
}

export interface Folded {
  /** Events that count, in the order of their partition. */
  readonly events: readonly FoldedEvent[];
  /** Records that don't count: of writers that were fenced, and repeats. */
  readonly dropped: number;
}

/** `log` must hold every partition from its first record on. Records that can't follow each other are lost ones. */
export function foldOwn(log: readonly LogLine[], findings: Findings): Folded {
  const partitions = new Map<number, LogLine[]>();
  for (const line of log) {
    const lines = partitions.get(line.partition);
    if (lines === undefined) partitions.set(line.partition, [line]);
    else lines.push(line);
  }
  const events: FoldedEvent[] = [];
  let dropped = 0;
  for (const lines of partitions.values()) {
    dropped += foldPartition(
      lines.sort((left, right) => left.offset - right.offset),
      events,
      findings,
    );
  }
  return { events, dropped };
}

function foldPartition(lines: readonly LogLine[], events: FoldedEvent[], findings: Findings): number {
  let claimedAt = -1;
  let answered = -1;
  let answeredAtClaim = -1;
  let dropped = 0;
  for (const { partition, offset, epoch, inbound, prevInbound, claim, event, skipped = false } of lines) {
    if (claim) {
      claimedAt = offset;
      answeredAtClaim = answered;
      continue;
    }
    const isOld = prevInbound < answered && prevInbound >= answeredAtClaim;
    if (epoch < claimedAt || (epoch === claimedAt && isOld) || claimedAt === -1) {
      dropped++;
      continue;
    }
    // A skip may go back to where a recreated inbound begins; its copy sets what is set already.
    if (skipped && epoch === claimedAt && inbound === answered && prevInbound !== answered) {
      dropped++;
      continue;
    }
    if (epoch > claimedAt || prevInbound !== answered || (inbound <= prevInbound && !skipped)) {
      const found = `partition ${partition}, record ${offset}: epoch ${epoch} after ${prevInbound}`;
      findings.add('lost', `${found}, but the newest claim is ${claimedAt} and ${answered} was answered last`);
      return dropped;
    }
    answered = inbound;
    if (event !== null) events.push({ ...event, partition, offset });
  }
  return dropped;
}
