/** Records as people read them in a finding. */
import type { OutboundRecord } from '../../../core/log/record.ts';

/** What a publisher is told. */
export function outcomeOf({ event, answer }: OutboundRecord): string {
  return event === null ? `${answer?.code} ${answer?.seq ?? ''}` : `seq ${event.seq}`;
}

export function describeRecord(record: OutboundRecord, offset: number): string {
  if (record.claim !== null) return `${offset}: claim ${record.claim.nonce[0]}`;
  const { epoch, inbound, prevInbound, event, answer } = record;
  const body = event === null ? `${answer?.code} ${answer?.seq ?? ''}` : `event ${event.room} ${event.seq}`;
  return `${offset}: epoch ${epoch}, ${inbound} after ${prevInbound}: ${body}`;
}
