/**
 * The fold: what an outbound partition means. One pure function of its records in offset order, used by sequencers,
 * gateways, replay and verify alike. `Chain` says which records count; here is what they amount to: each room's head,
 * and, where decisions are made, what publishers have used. JSON vectors for other languages: schemas/vectors/fold.json.
 */
import { RoomlogError } from '../errors.ts';
import type { Offset } from '../ids.ts';
import { Publishers, type PublishersLimits } from '../sequencing/publishers.ts';
import { type Anchor, Chain, faultVerdict, type Verdict } from './chain.ts';
import type { DigestOf } from './digest.ts';
import { DigestMemo } from './digest-memo.ts';
import type { OutboundHead, OutboundRecord, SequencedEvent } from './record.ts';
import { RoomHeads } from './room-heads.ts';
import type { SnapshotState } from './snapshot.ts';

export interface FoldOptions {
  /** Remember publishers too, as decisions need it. Gateways and replay don't. */
  readonly publishers?: PublishersLimits | null;
  /** Offset 0 (default), a claim, or where another fold was. Publishers need the start, or a snapshot (`Fold.fromSnapshot`). */
  readonly start?: 'start' | 'claim' | Anchor;
  /** Rooms this fold may hold; see MAX_ROOMS_PER_PARTITION. */
  readonly maxRooms?: number;
  /** For tests that take a mechanism away and watch what breaks. */
  readonly chain?: Chain;
  readonly digestOf?: DigestOf;
}

export class Fold {
  readonly chain: Chain;
  readonly heads: RoomHeads;
  readonly publishers: Publishers | null;
  /** Filled by who decides; read here. */
  readonly digests: DigestMemo;

  /** Throws `fold_halted` where publishers are asked for from a place that can't know them. */
  constructor(options: FoldOptions = {}) {
    this.chain = options.chain ?? chainFrom(options.start ?? 'start');
    this.heads = new RoomHeads(options.maxRooms);
    this.publishers = options.publishers ? new Publishers(options.publishers) : null;
    this.digests = new DigestMemo(options.digestOf);
    if (this.publishers !== null && !this.chain.complete) {
      throw new RoomlogError(
        'fold_halted',
        'Publishers are known only to a fold that starts at offset 0 or at a snapshot.',
      );
    }
  }

  /**
   * The fold that read everything below `mark.offset`. Rooms and publishers may also be filled in afterwards, before the
   * first `apply`: `heads.set`, `publishers.restorePublisher`, `restoreKey`.
   */
  static fromSnapshot(
    { mark, rooms, publishers, keys, forgottenBefore }: SnapshotState,
    options: Pick<FoldOptions, 'publishers' | 'maxRooms' | 'digestOf'> = {},
  ): Fold {
    const fold = new Fold({ ...options, chain: Chain.fromSnapshot(mark) });
    for (const [room, seq, offset] of rooms) fold.heads.set(room, seq, offset);
    if (fold.publishers === null) return fold;
    for (const [name, state] of publishers ?? []) fold.publishers.restorePublisher(name, state);
    for (const [name, remembered] of keys ?? []) fold.publishers.restoreKey(name, remembered);
    fold.publishers.restoreSwept(mark.logTime === 0 ? null : mark.logTime, forgottenBefore ?? 0);
    return fold;
  }

  /** Takes in the next record. On a fault nothing was changed; go no further. */
  apply(offset: Offset, record: OutboundRecord): Verdict {
    const verdict = this.#applyHead(offset, record);
    if (verdict.kind !== 'accepted' || this.publishers === null) return verdict;
    if (record.event !== null) this.#remember(this.publishers, offset, record.inbound, record.event);
    this.publishers.sweep(this.chain.logTime);
    return verdict;
  }

  /** As `apply`, by the head of the record alone. Throws `fold_halted` where publishers are remembered. */
  applyHead(offset: Offset, record: OutboundHead): Verdict {
    if (this.publishers !== null) {
      throw new RoomlogError('fold_halted', 'Publishers can’t be remembered from the heads of records.');
    }
    return this.#applyHead(offset, record);
  }

  #applyHead(offset: Offset, record: OutboundHead): Verdict {
    const verdict = this.chain.verdictOn(offset, record);
    const event = verdict.kind === 'accepted' ? record.event : null;
    if (event !== null) {
      const head = this.heads.seqOf(event.room);
      // A reader that started in the middle believes the first event of a room that it sees.
      if (event.seq !== head + 1 && (head !== 0 || this.chain.complete)) {
        return faultVerdict(
          'seq_conflict',
          `record ${offset} has seq ${event.seq} in a room whose last event folded has ${head}`,
        );
      }
    }
    this.chain.advance(offset, record, verdict);
    if (event !== null) this.heads.set(event.room, event.seq, offset);
    return verdict;
  }

  #remember(publishers: Publishers, offset: Offset, inbound: Offset, event: SequencedEvent): void {
    const { room, user, session, pub, key, seq } = event;
    const numbered = session !== null && pub !== null;
    if (!numbered && key === null) return;
    const { digest, publisher } = this.digests.take(inbound, event);
    if (numbered && publisher !== null) publishers.acceptNamed(publisher, pub, seq, offset, digest);
    else if (numbered) publishers.acceptPub({ room, user, session, pub }, seq, offset, digest);
    if (key !== null) publishers.acceptKey(room, user, key, { seq, offset, digest, time: this.chain.logTime });
  }
}

function chainFrom(start: 'start' | 'claim' | Anchor): Chain {
  if (start === 'start') return Chain.atStart();
  return start === 'claim' ? Chain.atClaim() : Chain.fromAnchor(start);
}
