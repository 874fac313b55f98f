/** What the exploration asks of a log has to be able to say no: each property, shown a log that breaks it. */
import { describe, expect, it } from 'vitest';
import type { Epoch, Offset, Pub, Seq } from '../../../core/ids.ts';
import type { AnswerCode, OutboundRecord } from '../../../core/log/record.ts';
import { LogTree } from './log-tree.ts';
import { BELIEVES_THE_FIRST, PRODUCTION } from './mutants.ts';
import { violationIn } from './properties.ts';
import { believedWithoutClaim } from './readers.ts';
import { type InboundEntry, OTHER_CONTENT, SENT_AGAIN } from './scenario.ts';

const COUNTS = { fromClaims: 0, fromAnchors: 0, fromSnapshots: 0, fromForgedPlaces: 0, missingARecord: 0 };

function header(inbound: number): Omit<OutboundRecord, 'event' | 'answer'> {
  const prevInbound = (inbound - 1) as Offset;
  return { epoch: 0 as Epoch, inbound: inbound as Offset, prevInbound, inboundTime: 1, claim: null, skipped: null };
}

function event(inbound: number, seq: number, { event: asked }: InboundEntry): OutboundRecord {
  const sequenced = { ...asked, seq: seq as Seq, time: 1, prev: -1 as Offset };
  return { ...header(inbound), event: sequenced, answer: null };
}

function answer(inbound: number, code: AnswerCode, { event: asked }: InboundEntry, told = {}): OutboundRecord {
  const { room, user, session, pub, key } = asked;
  const base = {
    room,
    user,
    session,
    pub,
    key,
    origin: null,
    code,
    seq: null,
    offset: null,
    expected: null,
    reason: null,
  };
  return { ...header(inbound), event: null, answer: { ...base, ...told } };
}

const [FIRST, AGAIN, SECOND] = SENT_AGAIN.inbound as [InboundEntry, InboundEntry, InboundEntry];
const [ONE, OTHER, KEYED, KEYED_OTHER] = OTHER_CONTENT.inbound as [
  InboundEntry,
  InboundEntry,
  InboundEntry,
  InboundEntry,
];
const propertyIn = (inbound: readonly InboundEntry[], ...accepted: OutboundRecord[]) =>
  violationIn(inbound, accepted)?.property ?? null;
const SEQ_1 = { seq: 1 as Seq };

describe('a log', () => {
  it('is sound where every record is answered once and truly', () => {
    const accepted = [event(0, 1, FIRST), answer(1, 'duplicate', AGAIN, SEQ_1), event(2, 2, SECOND)];
    expect(violationIn(SENT_AGAIN.inbound, accepted)).toBeNull();
  });

  it('is not where an inbound record is answered twice, or left out', () => {
    const once = 'each inbound answered once, in order';
    expect(propertyIn([FIRST], event(0, 1, FIRST), event(0, 2, FIRST))).toBe(once);
    expect(propertyIn([FIRST, SECOND], event(1, 1, SECOND))).toBe(once);
  });

  it('is not where a seq is left out or given twice', () => {
    expect(propertyIn([FIRST], event(0, 2, FIRST))).toBe('seqs without hole');
    expect(propertyIn([FIRST, SECOND], event(0, 1, FIRST), event(1, 1, SECOND))).toBe('seqs without hole');
  });

  it('is not where a number or a key is published twice, or a number left out', () => {
    expect(propertyIn([FIRST, AGAIN], event(0, 1, FIRST), event(1, 2, AGAIN))).toBe('published at most once');
    expect(propertyIn([KEYED, KEYED_OTHER], event(0, 1, KEYED), event(1, 2, KEYED_OTHER))).toBe(
      'published at most once',
    );
    expect(propertyIn([SECOND], event(0, 1, SECOND))).toBe('published at most once');
  });

  it('is not where a publisher is told what is not so', () => {
    const duplicate = (asked: InboundEntry) => answer(1, 'duplicate', asked, SEQ_1);
    expect(propertyIn([ONE, OTHER], event(0, 1, ONE), duplicate(OTHER))).toBe('answers true');
    expect(propertyIn([ONE, OTHER], answer(0, 'session_unknown', ONE), duplicate(OTHER))).toBe('answers true');
    expect(propertyIn([ONE], answer(0, 'session_in_use', ONE))).toBe('answers true');
    expect(propertyIn([SECOND], answer(0, 'out_of_order', SECOND, { expected: 2 as Pub }))).toBe('answers true');
    expect(propertyIn([FIRST], event(0, 1, SECOND))).toBe('answers true');
    expect(propertyIn([], event(0, 1, FIRST))).toBe('answers true');
  });
});

describe('a reader that is sent where no claim stands', () => {
  const believedBy = (mutant: typeof PRODUCTION) => {
    const tree = new LogTree(mutant, () => {});
    const claimed = tree.append(tree.root, tree.records.claim(0));
    const log = tree.append(claimed, tree.records.idOf(event(0, 1, FIRST)));
    return believedWithoutClaim(tree, log, { ...COUNTS })?.property ?? null;
  };

  it('stops, unless it believes the first record that it sees', () => {
    expect(believedBy(PRODUCTION)).toBeNull();
    expect(believedBy(BELIEVES_THE_FIRST)).toBe('forged starts harmless');
  });
});
