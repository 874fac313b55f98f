/**
 * Whether inbound can still be the log that outbound was made from, and where sequencing goes on in it: behind what was answered last.
 * Asked by sequencers after every claim, and by the command that repairs.
 */
import { NO_OFFSET, type Offset } from '../core/ids.ts';
import type { LogRecord, OffsetRange } from '../core/ports/event-log.ts';

/** What the fold of outbound says was answered last. */
export interface Answered {
  readonly lastInbound: Offset;
  /** Timestamp of the inbound record there, ms; 0 where outbound does not say. */
  readonly lastInboundTime: number;
}

export type InboundPlace =
  | { readonly kind: 'goes_on'; readonly next: Offset }
  | { readonly kind: 'input_lost' | 'inbound_replaced'; readonly found: string };

/** `recordAt`: the retained inbound record at an offset; null where it is gone or never was one. */
export async function placeInbound(
  { lastInbound, lastInboundTime }: Answered,
  { start, end }: OffsetRange,
  recordAt: (offset: Offset) => Promise<LogRecord | null>,
): Promise<InboundPlace> {
  const next = (lastInbound + 1) as Offset;
  if (next > end) {
    const found = `inbound ends at ${end}, but outbound answered it up to ${lastInbound}: it was recreated or rewound`;
    return { kind: 'inbound_replaced', found };
  }
  if (next < start) {
    const found = `inbound records ${next} to ${start - 1} were deleted before they were sequenced`;
    return { kind: 'input_lost', found };
  }
  if (lastInbound === NO_OFFSET || lastInbound < start || lastInboundTime === 0) return { kind: 'goes_on', next };
  const last = await recordAt(lastInbound);
  if (last === null || last.timestamp === lastInboundTime) return { kind: 'goes_on', next };
  const found = `inbound record ${lastInbound} has timestamp ${last.timestamp}, but outbound answered one of ${lastInboundTime}: inbound was recreated`;
  return { kind: 'inbound_replaced', found };
}
