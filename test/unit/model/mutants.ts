/**
 * The mechanisms, taken away one at a time. Each mutant runs through the same exploration as the real thing, and has to
 * be found by it: an exploration that finds nothing wrong with these would find nothing wrong with anything.
 */
import { Buffer } from 'node:buffer';
import { NO_EPOCH, type Offset } from '../../../core/ids.ts';
import { type Anchor, Chain, type ChainRecord, type Verdict } from '../../../core/log/chain.ts';
import type { DigestOf } from '../../../core/log/digest.ts';

export type ReaderStart = 'start' | 'claim' | Anchor;

export interface Mutant {
  readonly name: string;
  /** The chain that every fold uses, writers' and readers' alike. */
  readonly chain?: (start: ReaderStart) => Chain;
  readonly digestOf?: DigestOf;
  /** The writer folds first and claims then; what lies between is never folded. */
  readonly rebuildsBeforeClaim?: boolean;
  /** A publisher is answered once the append of its outcome succeeded, not once the fold shows it. */
  readonly answersFromResponse?: boolean;
  /** A snapshot is walked as the fold has become, not as it was at its offset. */
  readonly walksLiveState?: boolean;
  /** Who starts at a snapshot takes the first record's word for what was answered before. */
  readonly forgetsLastInbound?: boolean;
}

/** Nothing taken away. */
export const PRODUCTION: Mutant = { name: 'production' };

class OpenChain extends Chain {
  constructor(start: ReaderStart) {
    super(start === 'start', start !== 'claim');
    if (typeof start !== 'object') return;
    this.epoch = start.epoch;
    this.lastInbound = start.lastInbound;
    this.logTime = start.logTime;
  }
}

class NoChainCheck extends OpenChain {
  override verdictOn(offset: Offset, record: ChainRecord): Verdict {
    if (record.claim !== null) return super.verdictOn(offset, record);
    const inbound = (this.lastInbound + 1) as Offset;
    return super.verdictOn(offset, { ...record, prevInbound: this.lastInbound, inbound });
  }
}

class NoEpochCheck extends OpenChain {
  override verdictOn(offset: Offset, record: ChainRecord): Verdict {
    return super.verdictOn(offset, record.claim === null ? { ...record, epoch: this.epoch } : record);
  }
}

class RepeatedClaimIsNothing extends OpenChain {
  readonly #nonces = new Set<string>();

  override advance(offset: Offset, record: ChainRecord, verdict: Verdict): void {
    if (record.claim !== null) {
      const nonce = Buffer.from(record.claim.nonce).toString('hex');
      if (this.#nonces.has(nonce)) return;
      this.#nonces.add(nonce);
    }
    super.advance(offset, record, verdict);
  }
}

class BelievesTheFirst extends OpenChain {
  override verdictOn(offset: Offset, record: ChainRecord): Verdict {
    if (record.claim === null && !this.settled) return { kind: 'accepted' };
    return super.verdictOn(offset, record);
  }

  override advance(offset: Offset, record: ChainRecord, verdict: Verdict): void {
    super.advance(offset, record, verdict);
    if (verdict.kind === 'accepted' && this.epoch === NO_EPOCH) this.epoch = record.epoch;
  }
}

export const NO_CHAIN_CHECK: Mutant = { name: 'no chain check', chain: (start) => new NoChainCheck(start) };
export const NO_EPOCH_CHECK: Mutant = { name: 'no epoch check', chain: (start) => new NoEpochCheck(start) };
export const NO_DIGEST: Mutant = { name: 'no digest', digestOf: () => ({ hi: 0, lo: 0 }) };
export const REBUILDS_BEFORE_CLAIM: Mutant = {
  name: 'state rebuilt before one’s own claim',
  rebuildsBeforeClaim: true,
};
export const ANSWERS_FROM_RESPONSE: Mutant = { name: 'answers from the produce response', answersFromResponse: true };
export const REPEATED_CLAIM_IS_NOTHING: Mutant = {
  name: 'a repeated claim treated as no-op',
  chain: (start) => new RepeatedClaimIsNothing(start),
};
export const BELIEVES_THE_FIRST: Mutant = {
  name: 'a reader that believes the first record it sees',
  chain: (start) => (start === 'claim' ? new BelievesTheFirst(start) : new OpenChain(start)),
};
export const SNAPSHOT_OF_LIVE_STATE: Mutant = {
  name: 'a snapshot of what the fold has become while it was written',
  walksLiveState: true,
};
export const SNAPSHOT_WITHOUT_LAST_INBOUND: Mutant = {
  name: 'a snapshot that does not say what was answered last',
  forgetsLastInbound: true,
};
