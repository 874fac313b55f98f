/**
 * Loaded before every Roomlog process (`node --import`): takes the chain check away. The fold's check of room numbers leans on
 * it, and would stop the partition instead of believing a repeat: it goes too.
 */
import type { Offset, Seq } from '../../../core/ids.ts';
import { Chain } from '../../../core/log/chain.ts';
import { Fold } from '../../../core/log/fold.ts';

const { verdictOn } = Chain.prototype;
Chain.prototype.verdictOn = function withoutChain(offset, record) {
  if (record.claim !== null) return verdictOn.call(this, offset, record);
  const inbound = (this.lastInbound + 1) as Offset;
  return verdictOn.call(this, offset, { ...record, prevInbound: this.lastInbound, inbound });
};

const { apply } = Fold.prototype;
Fold.prototype.apply = function withoutSeqCheck(offset, record) {
  const { event } = record;
  const expected = event === null ? 0 : this.heads.seqOf(event.room) + 1;
  if (event !== null && event.seq !== expected) {
    this.heads.set(event.room, (event.seq - 1) as Seq, offset);
  }
  return apply.call(this, offset, record);
};
