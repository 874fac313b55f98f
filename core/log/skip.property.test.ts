/**
 * Every order in which an operator's skip, its copy, a zombie's record and the sequencer that goes on can reach the log: readers from the start,
 * from each claim and from each anchor agree on what counts, and a reader that misses a record that counts is stopped.
 */
import { describe, expect, it } from 'vitest';
import type { Epoch, Offset } from '../ids.ts';
import { type Anchor, Chain, type ChainRecord } from './chain.ts';

const at = (offset: number) => offset as Offset;

/** A record by the claim that it was written under, counted from 0; -1 for a claim. */
interface Sent {
  readonly name: string;
  readonly claim: number;
  readonly inbound: number;
  readonly prevInbound: number;
  readonly isSkip?: boolean;
}

const CLAIM: Sent = { name: 'claim', claim: -1, inbound: -1, prevInbound: -1 };

/** What was sent in order, with what may come late put in at every later place. `goesOnAt`: behind which inbound offset the skip goes on. */
function logs(goesOnAt: number): Sent[][] {
  const skip: Sent = { name: 'skip', claim: 1, inbound: goesOnAt, prevInbound: 5, isSkip: true };
  const first: Sent = { name: 'first', claim: 2, inbound: goesOnAt + 1, prevInbound: goesOnAt };
  const second: Sent = { name: 'second', claim: 2, inbound: goesOnAt + 3, prevInbound: goesOnAt + 1 };
  const old: Sent = { name: 'old', claim: 0, inbound: 5, prevInbound: -1 };
  const zombie: Sent = { name: 'zombie', claim: 0, inbound: 6, prevInbound: 5 };
  const order = [CLAIM, old, CLAIM, skip, CLAIM, first, second];
  let found: Sent[][] = [order];
  for (const late of [skip, zombie, old, first]) {
    // A zombie's record was not folded by the operator, so it comes behind the operator's claim.
    const from = late === zombie ? 2 : order.indexOf(late);
    found = found.flatMap((log) => [
      log,
      ...log.flatMap((_, place) => {
        const behind = log.slice(0, place + 1);
        const isLater = order.slice(0, from + 1).every((one) => behind.filter((other) => other === one).length > 0);
        const claimsBefore = order.slice(0, from + 1).filter((one) => one === CLAIM).length;
        if (!isLater || behind.filter((one) => one === CLAIM).length < claimsBefore) return [];
        return [[...behind, late, ...log.slice(place + 1)]];
      }),
    ]);
  }
  return found;
}

function recordsOf(log: readonly Sent[]): ChainRecord[] {
  const claims = log.flatMap((one, offset) => (one === CLAIM ? [offset] : []));
  let claim = 0;
  return log.map((sent) => ({
    epoch: (sent === CLAIM ? -1 : claims[sent.claim]) as Epoch,
    inbound: at(sent.inbound),
    prevInbound: at(sent.prevInbound),
    inboundTime: sent === CLAIM || sent.isSkip === true ? 0 : 1_000 + sent.inbound,
    claim:
      sent === CLAIM ? { nonce: new Uint8Array(16).fill(++claim), streamId: 's', foldVersion: 1, partitions: 1 } : null,
    skipped: sent.isSkip === true ? { from: at(6), to: at(Math.max(5, sent.inbound)), reason: 'test' } : null,
  }));
}

interface Reading {
  /** Offsets that count. */
  readonly accepted: number[];
  readonly lastInbound: number;
  readonly fault: boolean;
  readonly anchors: Anchor[];
}

function read(chain: Chain, records: readonly ChainRecord[], from: number, missing = -1): Reading {
  const accepted: number[] = [];
  const anchors: Anchor[] = [];
  for (let offset = from; offset < records.length; offset++) {
    if (offset === missing) continue;
    const { kind } = chain.judge(at(offset), records[offset] as ChainRecord);
    if (kind === 'fault') return { accepted, lastInbound: chain.lastInbound, fault: true, anchors };
    if (kind === 'accepted') accepted.push(offset);
    if (chain.settled) anchors.push(chain.anchor(at(offset + 1)));
  }
  return { accepted, lastInbound: chain.lastInbound, fault: false, anchors };
}

describe.each([
  ['back to the start', -1],
  ['back, not to the start', 2],
  ['forward', 9],
])('a skip that goes %s', (_, goesOnAt) => {
  const all = logs(goesOnAt).map((log) => ({ log, records: recordsOf(log) }));

  it('means the same to readers from the start, from claims and from anchors, whatever comes late or twice', () => {
    expect(all.length).toBeGreaterThan(100);
    let anchored = 0;
    for (const { log, records } of all) {
      const names = log.map(({ name }) => name).join(' ');
      const whole = read(Chain.atStart(), records, 0);
      expect(whole.fault, names).toBe(false);
      expect(
        whole.accepted.map((offset) => log[offset]?.name),
        names,
      ).toEqual(['old', 'skip', 'first', 'second']);
      expect(whole.lastInbound, names).toBe(goesOnAt + 3);
      for (const anchor of whole.anchors) {
        const rest = read(Chain.fromAnchor(anchor), records, anchor.offset);
        expect([...rest.accepted, rest.fault], `${names} from ${anchor.offset}`).toEqual([
          ...whole.accepted.filter((offset) => offset >= anchor.offset),
          false,
        ]);
        anchored++;
      }
      for (const [start, one] of log.entries()) {
        if (one !== CLAIM) continue;
        const rest = read(Chain.atClaim(), records, start);
        expect([...rest.accepted, rest.fault], `${names} from the claim at ${start}`).toEqual([
          ...whole.accepted.filter((offset) => offset >= start),
          false,
        ]);
      }
    }
    expect(anchored).toBeGreaterThan(1_000);
  });

  it('stops a reader that missed it, or what follows it', () => {
    for (const { log, records } of all) {
      const names = log.map(({ name }) => name).join(' ');
      const whole = read(Chain.atStart(), records, 0);
      for (const missing of whole.accepted) {
        const copies = log.filter((one) => one === log[missing]).length;
        const isLast = missing === whole.accepted.at(-1);
        if (copies > 1 || isLast) continue;
        expect(read(Chain.atStart(), records, 0, missing).fault, `${names} without ${missing}`).toBe(true);
      }
    }
  });
});
