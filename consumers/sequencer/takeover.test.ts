import { afterEach, describe, expect, test } from 'vitest';
import type { AppendTry } from '../../adapters/memory/memory-brokers.ts';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { NO_EPOCH, NO_OFFSET, type Offset, type Partition } from '../../core/ids.ts';
import { Chain } from '../../core/log/chain.ts';
import type { AppendBatch, AppendOutcome } from '../../core/ports/event-log.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';

const p0 = 0 as Partition;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

/** A clock that can be moved on. */
function movableClock() {
  let ahead = 0;
  return {
    now: () => Date.now() + ahead,
    monotonic: () => performance.now() + ahead,
    advance: (ms: number) => {
      ahead += ms;
    },
  };
}

function numbered(stream: MemoryStream, count: number, id = session()): void {
  for (let pub = 1; pub <= count; pub++) stream.publish(inboundEvent({ session: id, pub, room: `room-${pub % 3}` }));
}

const isData = (stream: MemoryStream, { topic, batch }: AppendTry): boolean => {
  const [first] = batch.records;
  if (topic !== stream.topics.outbound || !first?.value) return false;
  const record = stream.codec.decodeOutbound(first.value);
  return 'claim' in record && record.claim === null;
};

test('takes over from one that died between append and answer', async () => {
  const stream = new MemoryStream({ sequencer: { batchBytes: 1_000 } });
  const a = await running.start(stream, 'a');
  await ready(a);
  let appends = 0;
  const never = new Promise(() => {});
  stream.cluster.onAppend = (attempt) =>
    attempt.clientId === 'a' && isData(stream, attempt) && ++appends > 3 ? { holdAnswer: never } : undefined;
  for (let n = 0; n < 100; n++) stream.publish(inboundEvent({ room: `room-${n % 7}` }));
  await until(() => expect(appends).toBeGreaterThan(3));
  stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: false });
  const b = await running.start(stream, 'b');
  await ready(b);
  await sound(stream);
});

test('drops what a zombie appends after the takeover', async () => {
  const stream = new MemoryStream({ sequencer: { batchBytes: 1_000 } });
  const a = await running.start(stream, 'a');
  await ready(a);
  const awake = Promise.withResolvers<void>();
  stream.cluster.onAppend = (attempt) => (attempt.clientId === 'a' ? { hold: awake.promise } : undefined);
  numbered(stream, 60);
  await until(() => expect(a.report().partitions[0]?.lagRecords).toBe(60));
  stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: false });
  await ready(await running.start(stream, 'b'));
  await sound(stream);
  awake.resolve();
  await until(() => expect(stream.judge(p0).stale).toBeGreaterThan(0));
  await until(() => expect(a.report().partitions[0]?.state).toBe('fenced'));
  await sound(stream);
  // Its heartbeats don't succeed any more, so it must not answer the claim by one of its own.
  const claims = stream.judge(p0).claims.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(stream.judge(p0).claims).toHaveLength(claims);
});

test('sends nothing once its last heartbeat is older than the session time-out', async () => {
  const clock = movableClock();
  const stream = new MemoryStream({ clock });
  const a = await running.start(stream, 'a');
  await ready(a);
  stream.member('a')?.freeze();
  clock.advance(501);
  let sends = 0;
  stream.cluster.onAppend = () => {
    sends++;
    return undefined;
  };
  numbered(stream, 10);
  await until(() => expect(a.report().partitions[0]?.lagRecords).toBe(10));
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(sends).toBe(0);
  stream.member('a')?.thaw();
  await sound(stream);
});

test('a stop waits for what is in flight, and only then lets others take over', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  const answer = Promise.withResolvers<void>();
  let sent = 0;
  stream.cluster.onAppend = (attempt) => {
    if (!isData(stream, attempt)) return undefined;
    sent++;
    return attempt.clientId === 'a' ? { hold: answer.promise } : undefined;
  };
  numbered(stream, 5);
  await until(() => expect(sent).toBe(1));
  const stopping = a.stop();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(stream.member('a')).toBeDefined();
  answer.resolve();
  await stopping;
  expect(stream.member('a')).toBeUndefined();
  expect(stream.judge(p0).stale).toBe(0);
  await sound(stream);
  expect(sent).toBe(1);
});

test('a stop does not wait for ever', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  let sent = 0;
  stream.cluster.onAppend = (attempt) => {
    if (!isData(stream, attempt)) return undefined;
    sent++;
    return { hold: new Promise(() => {}) };
  };
  numbered(stream, 5);
  await until(() => expect(sent).toBe(1));
  await a.stop();
  expect(stream.member('a')).toBeUndefined();
  stream.cluster.onAppend = undefined;
  await ready(await running.start(stream, 'b'));
  await sound(stream);
});

describe('what waits on its way out, for a connection or for other batches, is not sent', () => {
  /** A log whose appends wait until told to go on, as they do while a leader is looked for. */
  class SlowLog extends MemoryLog {
    goOn: Promise<unknown> = Promise.resolve();
    waiting = 0;
    override async append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
      this.waiting++;
      await this.goOn;
      this.waiting--;
      return super.append(topic, batches);
    }
  }

  async function waiting(clock = movableClock()) {
    const stream = new MemoryStream({ clock });
    const log = new SlowLog(stream.cluster, 'a');
    const a = await running.start(stream, 'a', { log });
    await ready(a);
    const { promise, resolve } = Promise.withResolvers<void>();
    log.goOn = promise;
    numbered(stream, 10);
    await until(() => expect(log.waiting).toBe(1));
    let sends = 0;
    stream.cluster.onAppend = ({ clientId }) => {
      if (clientId === 'a') sends++;
      return undefined;
    };
    return { stream, log, clock, resolve, sends: () => sends };
  }

  test('once the last heartbeat is older than the session time-out', async () => {
    const { stream, log, clock, resolve, sends } = await waiting();
    stream.member('a')?.freeze();
    clock.advance(501);
    resolve();
    await until(() => expect(log.waiting).toBe(0));
    await new Promise((settled) => setTimeout(settled, 150));
    expect(sends()).toBe(0);
    stream.member('a')?.thaw();
    await sound(stream);
  });

  test('once the group took the partition away', async () => {
    const { stream, log, resolve, sends } = await waiting();
    stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: true });
    resolve();
    await until(() => expect(log.waiting).toBe(0));
    await new Promise((settled) => setTimeout(settled, 150));
    expect(sends()).toBe(0);
    await running.start(stream, 'b');
    await sound(stream);
    expect(stream.judge(p0).stale).toBe(0);
  });

  test('once a later claim was read', async () => {
    const { stream, log, resolve } = await waiting();
    stream.member('a')?.freeze();
    const own = stream.cluster.records(stream.topics.outbound, p0).at(-1);
    stream.cluster.write(stream.topics.outbound, p0, { value: own?.value ?? null });
    await new Promise((settled) => setTimeout(settled, 150));
    resolve();
    await until(() => expect(log.waiting).toBe(0));
    stream.member('a')?.thaw();
    await sound(stream);
    expect(stream.judge(p0).stale).toBe(0);
  });

  test('a claim, once the last heartbeat is older than the session time-out', async () => {
    const clock = movableClock();
    const stream = new MemoryStream({ clock });
    const log = new SlowLog(stream.cluster, 'a');
    const { promise, resolve } = Promise.withResolvers<void>();
    log.goOn = promise;
    const a = await running.start(stream, 'a', { log });
    await until(() => expect(log.waiting).toBe(1));
    stream.member('a')?.freeze();
    clock.advance(501);
    resolve();
    await until(() => expect(log.waiting).toBe(0));
    await new Promise((settled) => setTimeout(settled, 150));
    expect(stream.judge(p0).claims).toHaveLength(0);
    stream.member('a')?.thaw();
    await ready(a);
  });
});

test('answers a stray claim by one of its own, but only after a later heartbeat', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  numbered(stream, 5);
  await sound(stream);
  stream.member('a')?.freeze();
  const claim = stream.judge(p0).claims.at(-1)?.claim;
  const value = stream.codec.encodeOutbound({
    epoch: NO_EPOCH,
    inbound: NO_OFFSET,
    prevInbound: NO_OFFSET,
    inboundTime: 0,
    claim: { ...(claim as NonNullable<typeof claim>), nonce: Buffer.alloc(16, 7) },
    event: null,
    answer: null,
    skipped: null,
  });
  stream.cluster.write(stream.topics.outbound, p0, { value });
  await until(() => expect(a.report().partitions[0]?.state).toBe('fenced'));
  const claims = stream.judge(p0).claims.length;
  numbered(stream, 5);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(stream.judge(p0).claims).toHaveLength(claims);
  stream.member('a')?.thaw();
  await ready(a);
  await sound(stream);
});

test('stops on reading its own claim a second time, and claims anew', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  const own = stream.cluster.records(stream.topics.outbound, p0).at(-1);
  stream.cluster.write(stream.topics.outbound, p0, { value: own?.value ?? null });
  await until(() => expect(stream.judge(p0).claims).toHaveLength(4));
  numbered(stream, 5);
  await sound(stream);
});

test('ends a duel: two that both believe to own go on to one', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  // a misses its eviction, but its heartbeats seem to succeed for a while.
  stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: false });
  const ghost = running.start(stream, 'b');
  numbered(stream, 30);
  await ready(await ghost);
  await sound(stream);
  expect(stream.judge(p0).claims.length).toBeLessThan(10);
});

test('claims again with a new nonce when a claim was lost on its way', async () => {
  const clock = movableClock();
  const stream = new MemoryStream({ clock });
  const nonces = new Set<string>();
  let tries = 0;
  stream.cluster.onAppend = ({ batch }) => {
    const record = stream.codec.decodeOutbound(batch.records[0]?.value as Buffer);
    if (!('claim' in record) || record.claim === null) return undefined;
    nonces.add(Buffer.from(record.claim.nonce).toString('hex'));
    return ++tries <= 2 ? 'request_lost' : undefined;
  };
  const a = await running.start(stream, 'a');
  const moving = setInterval(() => clock.advance(1_000), 20);
  try {
    await ready(a);
  } finally {
    clearInterval(moving);
  }
  expect(nonces.size).toBe(tries);
  numbered(stream, 5);
  await sound(stream);
});

test('works where the answer to a claim was lost', async () => {
  const stream = new MemoryStream();
  let claims = 0;
  stream.cluster.onAppend = (attempt) => {
    if (isData(stream, attempt)) return undefined;
    return claims++ < 2 ? 'response_lost' : undefined;
  };
  await ready(await running.start(stream, 'a'));
  numbered(stream, 5);
  await sound(stream);
  // The one that names the stream and the one that carries the name: neither was sent twice.
  expect(stream.judge(p0).claims).toHaveLength(2);
});

describe('the epoch is where the claim is read', () => {
  /** A log whose produce answers name another offset than the one at which the record stands. */
  class LyingLog extends MemoryLog {
    override async append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
      const outcomes = await super.append(topic, batches);
      return outcomes.map((outcome) =>
        outcome.status === 'appended' ? { ...outcome, baseOffset: (outcome.baseOffset + 1_000) as Offset } : outcome,
      );
    }
  }

  test('whatever the produce answered', async () => {
    const stream = new MemoryStream();
    await ready(await running.start(stream, 'a', { log: new LyingLog(stream.cluster, 'a') }));
    numbered(stream, 10);
    await sound(stream);
  });

  test('and what earlier owners wrote before it is folded first', async () => {
    const stream = new MemoryStream();
    const a = await running.start(stream, 'a');
    await ready(a);
    const id = session();
    for (let pub = 1; pub <= 20; pub++) stream.publish(inboundEvent({ session: id, pub }));
    await sound(stream);
    stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: true });
    // Re-sent to the new owner, which knows them only if it folded all before its claim.
    for (let pub = 1; pub <= 21; pub++) stream.publish(inboundEvent({ session: id, pub }));
    await running.start(stream, 'b');
    await sound(stream);
    const { accepted } = stream.judge(p0);
    expect(accepted.filter(({ answer }) => answer?.code === 'duplicate')).toHaveLength(20);
    expect(accepted.filter(({ event }) => event !== null)).toHaveLength(21);
  });
});

test('takes back a partition lost for a moment without reading it all again', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  numbered(stream, 50);
  await sound(stream);
  const b = await running.start(stream, 'b');
  stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: true });
  await ready(b);
  await until(() => expect(a.report().partitions[0]?.state).toBe('warm'));
  numbered(stream, 50);
  await sound(stream);
  await until(() => expect(a.report().partitions[0]?.lastInbound).toBe(99));
});

test('sends the very same bytes again after an unknown outcome, and the fold drops the repeats', async () => {
  const stream = new MemoryStream({ sequencer: { batchBytes: 1_000 } });
  const sent = new Map<string, number>();
  let tries = 0;
  stream.cluster.onAppend = (attempt) => {
    if (!isData(stream, attempt)) return undefined;
    const bytes = attempt.batch.records.map(({ value }) => value?.toString('hex')).join();
    sent.set(bytes, (sent.get(bytes) ?? 0) + 1);
    return tries++ % 2 === 0 ? 'request_lost' : undefined;
  };
  await ready(await running.start(stream, 'a'));
  numbered(stream, 40);
  await sound(stream);
  for (const times of sent.values()) expect(times).toBe(2);
});

describe('the judge of these tests', () => {
  class NoChainCheck extends Chain {
    constructor() {
      super(true, true);
    }
    override verdictOn(...[offset, record]: Parameters<Chain['verdictOn']>) {
      const verdict = super.verdictOn(offset, record);
      return verdict.kind === 'repeat' ? ({ kind: 'accepted' } as const) : verdict;
    }
  }
  class NoEpochCheck extends Chain {
    constructor() {
      super(true, true);
    }
    override verdictOn(...[offset, record]: Parameters<Chain['verdictOn']>) {
      const verdict = super.verdictOn(offset, record);
      return verdict.kind === 'stale' ? ({ kind: 'accepted' } as const) : verdict;
    }
  }

  test('sees a fold without the chain check repeat events', async () => {
    const stream = new MemoryStream({ sequencer: { batchBytes: 1_000 } });
    await ready(await running.start(stream, 'a'));
    let tries = 0;
    const late = Promise.withResolvers<void>();
    // The retry overtakes the first try, which then lands behind later batches.
    stream.cluster.onAppend = (attempt) => {
      if (!isData(stream, attempt)) return undefined;
      tries++;
      return tries === 1 ? 'response_lost' : undefined;
    };
    numbered(stream, 10);
    await sound(stream);
    const [, , first] = stream.cluster.records(stream.topics.outbound, p0);
    stream.cluster.write(stream.topics.outbound, p0, { value: first?.value ?? null, key: first?.key ?? null });
    late.resolve();
    expect(stream.judge(p0).repeats).toBeGreaterThan(0);
    expect(stream.anomalies(p0)).toEqual([]);
    expect(stream.anomalies(p0, new NoChainCheck())).not.toEqual([]);
  });

  test('sees a fold without the epoch check believe a zombie', async () => {
    const stream = new MemoryStream();
    const a = await running.start(stream, 'a');
    await ready(a);
    const awake = Promise.withResolvers<void>();
    stream.cluster.onAppend = (attempt) => (attempt.clientId === 'a' ? { hold: awake.promise } : undefined);
    numbered(stream, 5);
    await until(() => expect(a.report().partitions[0]?.lagRecords).toBe(5));
    stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: false });
    await ready(await running.start(stream, 'b'));
    await sound(stream);
    awake.resolve();
    await until(() => expect(stream.judge(p0).stale).toBe(5));
    expect(stream.anomalies(p0)).toEqual([]);
    expect(stream.anomalies(p0, new NoEpochCheck())).not.toEqual([]);
  });
});
