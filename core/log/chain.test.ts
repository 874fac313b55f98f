import { describe, expect, it } from 'vitest';
import type { Epoch, Offset } from '../ids.ts';
import { Chain, type ChainRecord } from './chain.ts';

const claim = (first = 1): ChainRecord => ({
  epoch: -1 as Epoch,
  inbound: -1 as Offset,
  prevInbound: -1 as Offset,
  inboundTime: 0,
  skipped: null,
  claim: { nonce: new Uint8Array(16).fill(first), streamId: '', foldVersion: 1, partitions: 12 },
});
const data = (epoch: number, inbound: number, prevInbound: number, inboundTime = 5): ChainRecord => ({
  epoch: epoch as Epoch,
  inbound: inbound as Offset,
  prevInbound: prevInbound as Offset,
  inboundTime,
  claim: null,
  skipped: null,
});
const at = (offset: number) => offset as Offset;

describe('Chain', () => {
  it('judges without changing anything when asked to', () => {
    const chain = Chain.atStart();
    chain.judge(at(0), claim());
    expect(chain.verdictOn(at(1), data(0, 0, -1)).kind).toBe('accepted');
    expect(chain.lastInbound).toBe(-1);
    expect(chain.logTime).toBe(0);
  });

  it('changes nothing on a fault, so that a reader can tell where it stopped', () => {
    const chain = Chain.atStart();
    chain.judge(at(0), claim());
    chain.judge(at(1), data(0, 0, -1));
    const before = chain.anchor(at(2));
    expect(chain.judge(at(2), data(0, 7, 6, 99))).toMatchObject({ kind: 'fault', fault: 'chain_gap' });
    expect(chain.anchor(at(2))).toEqual(before);
  });

  it('is settled by the first record of the epoch where it started at a claim', () => {
    const chain = Chain.atClaim();
    chain.judge(at(10), claim());
    expect(chain.settled).toBe(false);
    chain.judge(at(11), data(10, 41, 40));
    expect(chain.settled).toBe(true);
    expect(chain.lastInbound).toBe(41);
  });

  it('takes the hex of the first nonce for the stream where no claim names it', () => {
    const chain = Chain.atStart();
    chain.judge(at(0), claim(0xab));
    chain.judge(at(1), claim(0xcd));
    expect(chain.streamId).toBe('ab'.repeat(16));
  });
});
