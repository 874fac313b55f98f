/** Small histories by hand: what the checker holds against a run and what it does not. */
import { describe, expect, it } from 'vitest';
import { type CheckOptions, check } from './check.ts';
import type { HistoryLine } from './history.ts';
import type { LogEvent, LogLine } from './log-line.ts';

const CLAIM: LogLine = { partition: 0, offset: 0, epoch: -1, inbound: -1, prevInbound: -1, claim: true, event: null };
const claim = (offset: number): LogLine => ({ ...CLAIM, offset });
const record = (offset: number, epoch: number, inbound: number, event: LogEvent | null): LogLine => ({
  partition: 0,
  offset,
  epoch,
  inbound,
  prevInbound: inbound - 1,
  claim: false,
  event,
});
const said = (seq: number, content: string, told: Partial<LogEvent> = {}): LogEvent => ({
  room: 'red',
  seq,
  user: 'ann',
  session: null,
  pub: null,
  key: null,
  content,
  ...told,
});

let at = 0;
/** Fills in what most lines share. */
function line(told: { readonly type: HistoryLine['type'] } & Record<string, unknown>): HistoryLine {
  at += 10;
  return { process: 'test', at, client: 'c', room: 'red', ...told } as unknown as HistoryLine;
}
const publish = (op: string, content: string, told: Record<string, unknown> = {}) =>
  line({ type: 'publish', op, user: 'ann', session: null, pub: null, content, ...told });
const rights = () => line({ type: 'rights', user: 'bob', rooms: 'all', at: 0 });
const delivery = (seq: number, content: string, told: Record<string, unknown> = {}) =>
  line({ type: 'delivery', user: 'bob', client: 'd', seq, content, ...told });
const join = (told: Record<string, unknown> = {}) => line({ type: 'join', client: 'd', from: 0, ...told });
const end = (told: Record<string, unknown> = {}) => line({ type: 'end', drained: true, ...told });

const namesOf = (history: HistoryLine[], log: LogLine[], options?: CheckOptions) =>
  check(history, log, options).anomalies.map(({ name }) => name);
const guardsOf = (history: HistoryLine[], log: LogLine[], options?: CheckOptions) =>
  check(history, log, options).guards.map(({ name }) => name);

describe('the checker’s own fold', () => {
  it('drops what fenced writers wrote and what stands there twice', () => {
    const log = [
      claim(0),
      record(1, 0, 0, said(1, 'a')),
      record(2, 0, 0, said(1, 'a')),
      claim(3),
      record(4, 0, 1, said(2, 'zombie')),
      record(5, 3, 1, said(2, 'b')),
    ];
    const history = [publish('1', 'a'), publish('2', 'b')];
    const report = check(history, log);
    expect(report.anomalies).toEqual([]);
    expect([report.eventsInLog, report.droppedInLog]).toEqual([2, 2]);
  });

  it('says that records were lost where one follows another that is not there', () => {
    const log = [claim(0), record(1, 0, 0, said(1, 'a')), record(3, 0, 2, said(2, 'b'))];
    expect(namesOf([publish('1', 'a'), publish('2', 'b')], log)).toEqual(['lost']);
  });

  it('says that a claim was lost where a record is of an epoch that nobody opened', () => {
    expect(namesOf([publish('1', 'a')], [claim(0), record(5, 4, 0, said(1, 'a'))])).toEqual(['lost']);
  });
});

describe('what publishers were told', () => {
  it('leaves unknown outcomes open: they may be in the log, or not', () => {
    const history = [
      publish('1', 'a'),
      publish('2', 'b'),
      line({ type: 'error', op: '2', code: 'unavailable', final: false }),
    ];
    expect(namesOf(history, [claim(0), record(1, 0, 0, said(1, 'b'))])).toEqual([]);
    expect(check(history, []).unknown).toBe(2);
  });

  it('takes a refusal for final only where it is', () => {
    const log = [claim(0), record(1, 0, 0, said(1, 'a'))];
    const error = (final: boolean) => line({ type: 'error', op: '1', code: 'forbidden', final });
    expect(namesOf([publish('1', 'a'), error(false)], log)).toEqual([]);
    expect(namesOf([publish('1', 'a'), error(true)], log)).toEqual(['phantom']);
  });

  it('lets a publish without a number stand in the log twice', () => {
    const log = [claim(0), record(1, 0, 0, said(1, 'a')), record(2, 0, 1, said(2, 'a'))];
    expect(namesOf([publish('1', 'a'), line({ type: 'ack', op: '1', seq: 2 })], log)).toEqual([]);
  });

  it('compares times only of what was acked and sent', () => {
    const log = [claim(0), record(1, 0, 0, said(1, 'b')), record(2, 0, 1, said(2, 'a'))];
    const overlapping = [publish('1', 'a'), publish('2', 'b'), line({ type: 'ack', op: '1', seq: 2 })];
    expect(namesOf(overlapping, log)).toEqual([]);
    const apart = [publish('1', 'a'), line({ type: 'ack', op: '1', seq: 2 }), publish('2', 'b')];
    expect(namesOf(apart, log)).toEqual(['realtime-inversion']);
  });

  it('takes what was sent again for sent when it first was', () => {
    const log = [claim(0), record(1, 0, 0, said(1, 'a')), record(2, 0, 1, said(2, 'b'))];
    const again = [publish('3', 'a'), line({ type: 'ack', op: '3', seq: 1 })];
    const history = [publish('1', 'a'), publish('2', 'b'), line({ type: 'ack', op: '2', seq: 2 }), ...again];
    expect(namesOf(history, log)).toEqual([]);
  });

  it('finds a session out of order that nobody was told of', () => {
    const numbered = (pub: number) => ({ session: 's', pub });
    const log = [claim(0), record(1, 0, 0, said(1, 'b', numbered(2))), record(2, 0, 1, said(2, 'a', numbered(1)))];
    expect(namesOf([publish('1', 'a', numbered(1)), publish('2', 'b', numbered(2))], log)).toEqual(['fifo-inversion']);
  });
});

describe('what subscribers got', () => {
  const log = [claim(0), record(1, 0, 0, said(1, 'a')), record(2, 0, 1, said(2, 'b')), record(3, 0, 2, said(3, 'c'))];
  const sent = () => [publish('1', 'a'), publish('2', 'b'), publish('3', 'c'), rights()];

  it('accepts a gap in the place of deliveries', () => {
    const history = [...sent(), join(), line({ type: 'gap', client: 'd', from: 1, to: 2 }), delivery(3, 'c'), end()];
    expect(namesOf(history, log)).toEqual([]);
  });

  it('does not miss what would have come, where the run did not wait for it', () => {
    expect(namesOf([...sent(), join(), delivery(1, 'a'), end()], log)).toEqual(['silent-gap']);
    expect(namesOf([...sent(), join(), delivery(1, 'a'), end({ drained: false })], log)).toEqual([]);
    expect(namesOf([...sent(), join(), delivery(1, 'a'), line({ type: 'close', client: 'd' }), end()], log)).toEqual(
      [],
    );
  });

  it('finds a subscriber that never got anything', () => {
    expect(namesOf([...sent(), join(), end()], log)).toEqual(['silent-gap']);
  });

  it('finds a hole that `live` hides, and one between a close and a resume', () => {
    const live = line({ type: 'live', client: 'd', seq: 3 });
    expect(namesOf([...sent(), join(), delivery(1, 'a'), live, end()], log)).toEqual(['silent-gap']);
    const resumed = [
      line({ type: 'close', client: 'd' }),
      line({ type: 'resume', client: 'd', seq: 2 }),
      delivery(3, 'c'),
    ];
    expect(namesOf([...sent(), join(), delivery(1, 'a'), ...resumed, end()], log)).toEqual(['silent-gap']);
  });

  it('begins anew with a new join', () => {
    const again = [join(), delivery(1, 'a'), delivery(2, 'b'), delivery(3, 'c')];
    expect(namesOf([...sent(), join(), delivery(1, 'a'), ...again, end()], log)).toEqual([]);
  });

  it('lets nobody have anything of whom no rights are told', () => {
    const history = [...sent().filter(({ type }) => type !== 'rights'), join({ from: 2 }), delivery(3, 'c'), end()];
    expect(namesOf(history, log)).toEqual(['unauthorised-delivery']);
  });
});

describe('presence', () => {
  const OPTIONS = { presenceWithinMs: 100 };
  const member = (told: Record<string, unknown> = {}) => join({ client: 'm', connection: 'm1', at: 0, ...told });
  const list = (told: Record<string, unknown>) => line({ type: 'members', client: 'o', members: [], ...told });

  it('may be late, up to the bound', () => {
    expect(namesOf([member(), list({ at: 90 })], [], OPTIONS)).toEqual([]);
    expect(namesOf([member(), list({ at: 110 })], [], OPTIONS)).toEqual(['presence-missing']);
    const gone = (when: number) => [
      member(),
      line({ type: 'close', client: 'm', at: 1_000 }),
      list({ at: when, members: ['m1'] }),
    ];
    expect(namesOf(gone(1_090), [], OPTIONS)).toEqual([]);
    expect(namesOf(gone(1_110), [], OPTIONS)).toEqual(['presence-ghost']);
  });

  it('may know of an end before the client does, up to the bound', () => {
    const ending = (when: number) => [member(), list({ at: 500 }), line({ type: 'close', client: 'm', at: when })];
    expect(namesOf(ending(590), [], OPTIONS)).toEqual([]);
    expect(namesOf(ending(610), [], OPTIONS)).toEqual(['presence-missing']);
  });

  it('lets one be seen whose join was sent, but does not ask for it, and not after its end', () => {
    const asked = line({ type: 'asked', client: 'm', connection: 'm1', at: 0 });
    const close = line({ type: 'close', client: 'm', at: 1_000 });
    expect(namesOf([asked, list({ at: 500, members: ['m1'] })], [], OPTIONS)).toEqual([]);
    expect(namesOf([asked, list({ at: 500 })], [], OPTIONS)).toEqual([]);
    const late = list({ at: 1_110, members: ['m1'] });
    expect(namesOf([asked, close, late], [], OPTIONS)).toEqual(['presence-ghost']);
  });

  it('is not judged while a fault lasts, and is again soon after', () => {
    const fault = (phase: string, when: number) => line({ type: 'fault', fault: 'redis', phase, at: when });
    const faulty = (when: number) => [member(), fault('begin', 500), fault('heal', 900), list({ at: when })];
    expect(namesOf(faulty(700), [], OPTIONS)).toEqual([]);
    expect(namesOf(faulty(990), [], OPTIONS)).toEqual([]);
    expect(namesOf(faulty(1_010), [], OPTIONS)).toEqual(['presence-missing']);
  });

  it('follows the diffs, and judges the last belief at the end', () => {
    const left = line({ type: 'presence', client: 'o', joined: [], left: ['m1'], at: 20 });
    const joined = line({ type: 'presence', client: 'o', joined: ['m1'], left: [], at: 30 });
    const start = [member(), list({ at: 10, members: ['m1'] }), left];
    expect(namesOf([...start, joined, end({ at: 500 })], [], OPTIONS)).toEqual([]);
    expect(namesOf([...start, end({ at: 500 })], [], OPTIONS)).toEqual(['presence-missing']);
  });
});

describe('the guards against an empty pass', () => {
  const log = [claim(0), record(1, 0, 0, said(1, 'a')), record(2, 0, 1, said(2, 'b'))];
  const fault = (phase: string) => line({ type: 'fault', fault: 'broker', phase });
  const one = () => [rights(), join(), publish('1', 'a'), line({ type: 'ack', op: '1', seq: 1 }), delivery(1, 'a')];
  const other = () => [publish('2', 'b'), line({ type: 'ack', op: '2', seq: 2 }), delivery(2, 'b')];
  const OPTIONS = { leastAcked: 2, leastDelivered: 2, faults: ['broker'] };

  it('are met by a run in which enough happened', () => {
    const history = [...one(), fault('begin'), fault('seen'), fault('heal'), ...other(), end()];
    expect(check(history, log, OPTIONS)).toMatchObject({ passed: true, guards: [], anomalies: [] });
  });

  it('say what was missing', () => {
    expect(guardsOf([], [], OPTIONS)).toEqual(['too-few-acked', 'too-few-delivered', 'fault-missing', 'not-drained']);
    expect(guardsOf([...one(), fault('begin'), fault('heal'), ...other(), end()], log)).toEqual(['fault-not-seen']);
    expect(guardsOf([...one(), ...other(), fault('begin'), fault('seen'), end()], log)).toEqual(['fault-not-healed']);
    const early = [...one(), ...other(), fault('begin'), fault('seen'), fault('heal'), end()];
    expect(guardsOf(early, log)).toEqual(['nothing-after-healing']);
    expect(guardsOf([...one(), ...other(), end({ drained: false })], log)).toEqual(['not-drained']);
  });

  it('keep a run without anomalies from passing', () => {
    expect(check([], [])).toMatchObject({ passed: false, anomalies: [] });
  });
});
