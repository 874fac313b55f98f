/**
 * Who may be believed: rules 1 to 4 of the fold (docs/adr/0001). Kafka keeps every record that ever reached the
 * partition's leader: those of a writer that lost the partition, repeats of a batch whose response was lost, records
 * that a stalled network delivered late. The chain says which of them count, from their headers alone.
 *
 *     epoch        the offset of the newest claim read
 *     prevInbound  what the writer had folded when it decided; must be what the reader has folded
 */
import { Buffer } from 'node:buffer';
import { type Epoch, NO_EPOCH, NO_OFFSET, type Offset } from '../ids.ts';
import type { Claim, OutboundHeader, Skipped } from './record.ts';
import type { SnapshotMark } from './snapshot.ts';

export type FaultKind = 'epoch_ahead' | 'chain_gap' | 'seq_conflict' | 'stream_conflict';

export type Verdict =
  /** Sets the epoch to its own offset, repeats included. */
  | { readonly kind: 'claim' }
  /** In the epoch and in the chain: its body counts. */
  | { readonly kind: 'accepted' }
  /** Of a lower epoch, or before any claim: a zombie's. Drop it. */
  | { readonly kind: 'stale' }
  /** Answers what was answered before. Drop it. */
  | { readonly kind: 'repeat' }
  /** The log, or this reader's way through it, is broken here: stop, reload, raise the alarm. Nothing was changed. */
  | { readonly kind: 'fault'; readonly fault: FaultKind; readonly message: string };

/** A place from which a fold noted by another reader of this process can be continued. */
export interface Anchor {
  /** The next record to read. */
  readonly offset: Offset;
  readonly epoch: Epoch;
  readonly lastInbound: Offset;
  /** ms since the Unix epoch. */
  readonly logTime: number;
}

/** What the chain looks at in an outbound record. */
export type ChainRecord = OutboundHeader & { readonly claim: Claim | null; readonly skipped: Skipped | null };

const CLAIM: Verdict = { kind: 'claim' };
const ACCEPTED: Verdict = { kind: 'accepted' };
const STALE: Verdict = { kind: 'stale' };
const REPEAT: Verdict = { kind: 'repeat' };

export const faultVerdict = (fault: FaultKind, message: string): Verdict => ({ kind: 'fault', fault, message });

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

/** State of one outbound partition, as its records judge each other. A few numbers; the rooms are in `Fold`. */
export class Chain {
  /** Offset of the newest claim; -1 before the first. */
  epoch: Epoch = NO_EPOCH;
  /** Offset of the newest inbound record that was answered; -1 before the first. */
  lastInbound: Offset = NO_OFFSET;
  /** Highest inbound timestamp folded, ms since the Unix epoch; 0 before the first. */
  logTime = 0;
  /** The timestamp of the inbound record at `lastInbound`, as outbound has it; 0 where it does not say. */
  lastInboundTime = 0;
  /** The nonce of the newest claim; null where this chain has not read that claim. */
  claimNonce: Uint8Array | null = null;
  /** The stream's id, once a claim told it. */
  streamId: string | null = null;
  /** P as the claims have it, once a claim told it. */
  partitions: number | null = null;

  /** Whether all that the partition ever held is known, read from its very first record or from a snapshot, so that "first" means first. */
  readonly complete: boolean;
  /** A reader that starts at a claim doesn't know lastInbound: it takes it from the first record in the epoch. */
  #settled: boolean;
  /**
   * lastInbound when the newest claim was read; null where this chain has not read that claim, or was not settled then. Whoever claimed had
   * folded as much, so nothing of the epoch follows less.
   */
  #answeredAtClaim: Offset | null = null;

  protected constructor(complete: boolean, settled: boolean) {
    this.complete = complete;
    this.#settled = settled;
  }

  /** For a reader that starts at offset 0. */
  static atStart(): Chain {
    return new Chain(true, true);
  }

  /** For a reader whose first record is a claim: the first record of that epoch is accepted whatever its prevInbound. */
  static atClaim(): Chain {
    return new Chain(false, false);
  }

  /** For a reader that goes on where another one was. */
  static fromAnchor(anchor: Anchor): Chain {
    const chain = new Chain(false, true);
    chain.epoch = anchor.epoch;
    chain.lastInbound = anchor.lastInbound;
    chain.logTime = anchor.logTime;
    return chain;
  }

  /** For a reader that goes on where a snapshot was taken: it knows as much as one that started at offset 0. */
  static fromSnapshot(mark: SnapshotMark): Chain {
    const chain = new Chain(true, true);
    chain.epoch = mark.epoch;
    chain.lastInbound = mark.lastInbound;
    chain.logTime = mark.logTime;
    chain.lastInboundTime = mark.lastInboundTime;
    chain.claimNonce = mark.claimNonce;
    chain.streamId = mark.streamId;
    chain.partitions = mark.partitions;
    chain.#answeredAtClaim = mark.answeredAtClaim;
    return chain;
  }

  /** `lastInbound` as it was when the newest claim was read; null where this chain can't know. */
  get answeredAtClaim(): Offset | null {
    return this.#answeredAtClaim;
  }

  /** False while a reader that started at a claim has not seen a record of the epoch: lastInbound means nothing yet. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Judges the record and takes it in. Records must come in the order of their offsets. */
  judge(offset: Offset, record: ChainRecord): Verdict {
    const verdict = this.verdictOn(offset, record);
    this.advance(offset, record, verdict);
    return verdict;
  }

  /** Judges without changing anything. */
  verdictOn(offset: Offset, record: ChainRecord): Verdict {
    if (record.claim !== null) return this.#verdictOnClaim(offset, record.claim);
    if (this.epoch === NO_EPOCH && record.epoch === NO_EPOCH) return STALE;
    if (record.epoch < this.epoch) return STALE;
    if (record.epoch > this.epoch) {
      return faultVerdict(
        'epoch_ahead',
        `record ${offset} is of epoch ${record.epoch}, but the newest claim read is ${this.epoch}: a claim was lost or the log was rewound`,
      );
    }
    if (this.#settled && this.#isSkippedAlready(record)) return REPEAT;
    if (this.#answeredAtClaim !== null && record.prevInbound < this.#answeredAtClaim) {
      return faultVerdict(
        'chain_gap',
        `record ${offset} follows inbound ${record.prevInbound}, but ${this.#answeredAtClaim} was folded before its epoch began: this reader missed a skip`,
      );
    }
    if (this.#settled && record.prevInbound < this.lastInbound) return REPEAT;
    if (this.#settled && record.prevInbound > this.lastInbound) {
      return faultVerdict(
        'chain_gap',
        `record ${offset} follows inbound ${record.prevInbound}, but the last one folded is ${this.lastInbound}: this reader missed records`,
      );
    }
    if (record.inbound <= record.prevInbound && record.skipped === null) {
      return faultVerdict('chain_gap', `record ${offset} answers ${record.inbound} after ${record.prevInbound}`);
    }
    return ACCEPTED;
  }

  /** Takes in a record that was judged before: the second half of `judge`. */
  advance(offset: Offset, record: ChainRecord, verdict: Verdict): void {
    if (verdict.kind === 'accepted') {
      this.lastInbound = record.inbound;
      this.lastInboundTime = record.inboundTime;
      this.#settled = true;
      if (record.inboundTime > this.logTime) this.logTime = record.inboundTime;
    } else if (verdict.kind === 'claim' && record.claim !== null) {
      const first = this.epoch === NO_EPOCH;
      this.epoch = offset as number as Epoch;
      this.#answeredAtClaim = this.#settled ? this.lastInbound : null;
      this.partitions = record.claim.partitions;
      this.claimNonce = record.claim.nonce;
      this.streamId ??= this.#streamIdOf(record.claim, first);
    }
  }

  /** Where another reader can go on. Only once `settled`: before, lastInbound would be a guess. */
  anchor(nextOffset: Offset): Anchor {
    return { offset: nextOffset, epoch: this.epoch, lastInbound: this.lastInbound, logTime: this.logTime };
  }

  /**
   * A skip may go back, to where a recreated inbound begins (docs/adr/0012); its second copy then follows what lies ahead of the fold. Nothing
   * else is written in a skip's epoch, so what follows the claim and would set what is set already is that copy.
   */
  #isSkippedAlready({ skipped, inbound, prevInbound }: ChainRecord): boolean {
    if (skipped === null || inbound !== this.lastInbound || prevInbound === this.lastInbound) return false;
    return this.#answeredAtClaim === null || prevInbound === this.#answeredAtClaim;
  }

  #verdictOnClaim(offset: Offset, claim: Claim): Verdict {
    if (offset <= this.epoch) {
      return faultVerdict(
        'epoch_ahead',
        `a claim at ${offset}, not above the epoch ${this.epoch}: the log was rewound`,
      );
    }
    if (this.streamId !== null && claim.streamId !== '' && claim.streamId !== this.streamId) {
      return faultVerdict(
        'stream_conflict',
        `the claim at ${offset} is of stream ${claim.streamId}, the partition of ${this.streamId}`,
      );
    }
    if (this.partitions !== null && claim.partitions !== this.partitions) {
      return faultVerdict(
        'stream_conflict',
        `the claim at ${offset} counts ${claim.partitions} partitions, earlier ones ${this.partitions}`,
      );
    }
    return CLAIM;
  }

  /** A claim without an id is written on partition 0 alone; the first one's nonce is the id (ADR 0007). */
  #streamIdOf(claim: Claim, first: boolean): string | null {
    if (claim.streamId !== '') return claim.streamId;
    return this.complete && first ? hex(claim.nonce) : null;
  }
}
