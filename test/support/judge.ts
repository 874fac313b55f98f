/** What a reader that folds an outbound partition from its start makes of it, and what is wrong with that. */
import type { Offset } from '../../core/ids.ts';
import type { Chain } from '../../core/log/chain.ts';
import { Fold } from '../../core/log/fold.ts';
import type { OutboundRecord, SequencedEvent } from '../../core/log/record.ts';

export interface OutboundEntry {
  readonly offset: Offset;
  readonly record: OutboundRecord;
}

export interface Judged {
  readonly accepted: readonly OutboundRecord[];
  readonly events: ReadonlyArray<SequencedEvent & { readonly offset: Offset }>;
  readonly claims: readonly OutboundRecord[];
  readonly stale: number;
  readonly repeats: number;
  readonly fault: string | null;
}

/** `chain`: a mutant, to see that the judge would notice. */
export function judge(entries: Iterable<OutboundEntry>, chain?: Chain): Judged {
  const fold = new Fold(chain === undefined ? {} : { chain });
  const accepted: OutboundRecord[] = [];
  const events: Array<SequencedEvent & { offset: Offset }> = [];
  const claims: OutboundRecord[] = [];
  let stale = 0;
  let repeats = 0;
  for (const { offset, record } of entries) {
    const verdict = fold.apply(offset, record);
    if (verdict.kind === 'fault') return { accepted, events, claims, stale, repeats, fault: verdict.message };
    if (verdict.kind === 'claim') claims.push(record);
    if (verdict.kind === 'stale') stale++;
    if (verdict.kind === 'repeat') repeats++;
    if (verdict.kind !== 'accepted') continue;
    accepted.push(record);
    if (record.event !== null) events.push({ ...record.event, offset });
  }
  return { accepted, events, claims, stale, repeats, fault: null };
}

/** Empty when each of the inbound records was answered exactly once, in order, and no room has a hole. */
export function anomalies({ accepted, events, fault }: Judged, inbound: readonly Offset[]): string[] {
  const found: string[] = [];
  if (fault !== null) found.push(`fault: ${fault}`);
  const answered = accepted.map((record) => record.inbound);
  const wrong = inbound.findIndex((offset, at) => answered[at] !== offset);
  if (wrong >= 0 || answered.length !== inbound.length) {
    const first = wrong >= 0 ? wrong : inbound.length;
    found.push(
      `${answered.length} answers to ${inbound.length} inbound records; number ${first} answers ${answered[first]} instead of ${inbound[first]}`,
    );
  }
  const heads = new Map<string, number>();
  for (const { room, seq } of events) {
    if (seq !== (heads.get(room) ?? 0) + 1) found.push(`${room} has ${seq} after ${heads.get(room) ?? 0}`);
    heads.set(room, seq);
  }
  return found;
}
