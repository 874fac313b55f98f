import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import { TOPIC } from '../tail/test-sequencer.fixture.ts';
import { TestSink } from '../tail/test-sink.fixture.ts';
import { joinRoom, until, World, type WorldOptions } from '../tail/world.fixture.ts';

let worlds: World[] = [];
const world = (options?: WorldOptions): World => {
  const made = new World(options);
  worlds.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(worlds.map((one) => one.close()));
  worlds = [];
});
const seqs = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('a client that is too slow', () => {
  const slow = { slowClientBytes: 4_000, slowClientTimeoutMs: 100 };

  it('leaves the live path, misses nothing and comes back', async () => {
    for (const ringBytes of [1, 1_000_000]) {
      const w = world({ anchors: { everyRecords: 5 }, gateway: { ...slow, slowClientTimeoutMs: 5_000, ringBytes } });
      const stream = await w.openStream();
      const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
      const { sink: quick } = await joinRoom(stream, 'a', { kind: 'live' });
      sink.stalled = true;
      w.publishMany('a', 60);
      await until(() => quick.seqs().length === 60);
      w.publishMany('a', 60);
      await until(() => quick.seqs().length === 120);
      expect(sink.seqs().length).toBeLessThan(120);
      expect(await w.metric('roomlog_catchup_active')).toBe(1);
      sink.flow();
      await until(() => sink.seqs().length === 120);
      w.publish('a', 'live again');
      await until(() => sink.seqs().length === 121);
      expect(sink.seqs()).toEqual(seqs(1, 121));
      expect(sink.of('live')).toHaveLength(1);
      expect(await w.metric('roomlog_catchup_active')).toBe(0);
    }
  });

  it('is closed with 1013 when it takes nothing for too long', async () => {
    const w = world({ gateway: slow });
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
    sink.stalled = true;
    w.publishMany('a', 100);
    await until(() => sink.closed);
    expect(sink.closeCode).toBe(1013);
  });

  it('stays while it takes what its other rooms send, though no less waits for it than before', async () => {
    const timeoutMs = 60;
    const slowClients = [`catch-up:4000:${timeoutMs} behind`, 'catch-up:10000000 busy'];
    const w = world({ gateway: { slowClients } });
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'behind', { kind: 'live' });
    await joinRoom(stream, 'busy', { kind: 'live' }, sink);
    const { sink: quick } = await joinRoom(stream, 'busy', { kind: 'live' });
    sink.stalled = true;
    w.publishMany('behind', 100);
    await w.settled(stream);
    expect(await w.metric('roomlog_catchup_active')).toBe(1);
    const level = sink.bufferedBytes();
    const over = performance.now() + 5 * timeoutMs;
    for (let sent = 5; performance.now() < over; sent += 5) {
      w.publishMany('busy', 5);
      await until(() => quick.seqs().length === sent);
      sink.drain(level);
    }
    expect(sink.closed).toBe(false);
    sink.flow();
    await until(() => sink.seqs('behind').length === 100);
    expect(sink.seqs('behind')).toEqual(seqs(1, 100));
  });

  it('reads a long backlog no faster than its socket takes it', async () => {
    const w = world({ gateway: { slowClientBytes: 100_000 } });
    w.publishMany('a', 3_000);
    const stream = await w.openStream();
    const sink = new TestSink();
    sink.stalled = true;
    await joinRoom(stream, 'a', { kind: 'start' }, sink);
    for (let round = 0; sink.seqs().length < 3_000; round += 1) {
      expect(sink.bufferedBytes()).toBeLessThan(200_000);
      sink.drain();
      await new Promise((resolve) => setImmediate(resolve));
      if (round > 10_000) throw new Error('no progress');
    }
    expect(sink.seqs()).toEqual(seqs(1, 3_000));
  });

  it('is told of a gap when its position leaves retention meanwhile', async () => {
    const w = world({ anchors: { everyRecords: 1 }, gateway: { ...slow, slowClientTimeoutMs: 5_000, ringBytes: 1 } });
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
    sink.stalled = true;
    w.publishMany('a', 60);
    await w.settled(stream);
    w.publishMany('a', 60);
    await w.settled(stream);
    const got = sink.seqs().length;
    const { end } = w.log.cluster.partition(TOPIC, 0 as never).range;
    w.log.cluster.trim(TOPIC, 0 as never, (end - 10) as Offset);
    sink.flow();
    await until(() => sink.seqs().at(-1) === 120);
    expect(sink.of('gap')).toMatchObject([{ from: got + 1, to: 110, reason: 'slow' }]);
    expect(sink.seqs()).toEqual([...seqs(1, got), ...seqs(111, 120)]);
  });
});

/** As a socket's: what one turn sends is written when the turn is over, or when it is told to. */
class QueueingSink extends TestSink {
  #queued = 0;

  override sendFramed(frames: Buffer): void {
    super.sendFramed(frames);
    this.#queued += frames.length;
    process.nextTick(() => this.writeOut());
  }

  override writeOut(): void {
    this.#queued = 0;
  }

  override bufferedBytes(): number {
    return this.#queued + super.bufferedBytes();
  }
}

describe('a client that takes all it is given', () => {
  it.each(['close', 'skip', 'catch-up'])('is not slow when much comes at once (%s)', async (policy) => {
    const w = world({ gateway: { slowClients: [`${policy}:4000 **`] } });
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'live' }, new QueueingSink());
    w.publishMany('a', 100);
    await until(() => sink.seqs().length === 100 || sink.closed || sink.of('gap').length > 0);
    w.publishMany('a', 100);
    await until(() => sink.seqs().length === 200 || sink.closed || sink.of('gap').length > 0);
    expect(sink.seqs()).toEqual(seqs(1, 200));
    expect(await w.metric('roomlog_slow_clients_total')).toBe(0);
  });
});

describe('a stalled client that catches up', () => {
  /** A join that has got the first of a long backlog, and whose socket is full. Ranges read until it is live, when it stalls that long. */
  async function stalls(stallMs: number, then: (sink: TestSink) => Promise<void>): Promise<number> {
    // One stretch of the log, several writes to the socket.
    const anchors = { everyRecords: 10_000 };
    const gateway = { slowClientBytes: 40_000, slowClientTimeoutMs: 5_000, ringBytes: 1 };
    const w = world({ anchors, gateway, historyCacheBytes: 0 });
    w.publishMany('a', 800);
    const stream = await w.openStream();
    const sink = new TestSink();
    sink.stalled = true;
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      await joinRoom(stream, 'a', { kind: 'start' }, sink);
      await until(() => sink.seqs().length > 0);
      expect(sink.seqs().length).toBeLessThan(800);
      await vi.advanceTimersByTimeAsync(stallMs);
      await then(sink);
      return await w.metric('roomlog_history_reads_total');
    } finally {
      vi.useRealTimers();
    }
  }
  const readsOn = async (sink: TestSink): Promise<void> => {
    sink.flow();
    await until(() => sink.of('live').length === 1);
    expect(sink.seqs()).toEqual(seqs(1, 800));
  };

  it('keeps nothing of what was read for it: that is read again when there is room', async () => {
    // Shortly full, as any socket is now and then: the rest of what was read is still there.
    const atOnce = await stalls(500, readsOn);
    expect(await stalls(1_500, readsOn)).toBe(atOnce + 1);
  });

  it('is closed with 1013 when it takes nothing for too long, whatever was read for it', async () => {
    await stalls(7_000, async (sink) => expect([sink.closed, sink.closeCode]).toEqual([true, 1013]));
  });
});

describe('the policy of a room', () => {
  const limits = { slowClientBytes: 4_000, slowClientTimeoutMs: 5_000 };

  it('skip leaves out what a slow client has no room for, says so, and goes on live', async () => {
    const w = world({ gateway: { ...limits, slowClients: ['skip prices/**'] } });
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'prices/eur', { kind: 'live' });
    const { sink: quick } = await joinRoom(stream, 'prices/eur', { kind: 'live' });
    sink.stalled = true;
    w.publishMany('prices/eur', 60);
    await until(() => quick.seqs().length === 60);
    const got = sink.seqs().length;
    expect(await w.metric('roomlog_slow_clients')).toBe(1);
    expect(await w.metric('roomlog_slow_clients_total')).toBe(1);
    w.publishMany('prices/eur', 60);
    await until(() => quick.seqs().length === 120);
    expect(sink.seqs()).toHaveLength(got);
    sink.flow();
    await until(() => sink.of('gap').length === 1);
    w.publish('prices/eur', 'live again');
    await until(() => quick.seqs().length === 121 && sink.seqs().at(-1) === 121);
    expect(sink.of('gap')).toMatchObject([{ from: got + 1, to: 120, reason: 'slow' }]);
    expect(sink.seqs()).toEqual([...seqs(1, got), 121]);
    expect(sink.of('live')).toHaveLength(1);
    expect(await w.metric('roomlog_slow_clients')).toBe(0);
    expect(await w.metric('roomlog_slow_clients_back_total')).toBe(1);
    expect(await w.metric('roomlog_slow_clients_skipped_total')).toBe(120 - got);
    // Nothing is gone: an older cursor still has all of it, and the gap's own goes on behind it.
    const cursorOf = (frame: Record<string, unknown> | undefined) => ({
      kind: 'after' as const,
      cursor: frame?.cursor as string,
    });
    const { sink: older } = await joinRoom(stream, 'prices/eur', cursorOf(sink.of('event')[got - 1]));
    await until(() => older.of('live').length === 1);
    expect(older.seqs()).toEqual(seqs(got + 1, 121));
    const { sink: later, subscription } = await joinRoom(stream, 'prices/eur', cursorOf(sink.of('gap')[0]));
    await until(() => later.of('live').length === 1);
    expect(subscription.recovered).toBe(true);
    expect(later.seqs()).toEqual([121]);
  });

  it('skip still gives a join the whole backlog that it asked for', async () => {
    const w = world({ gateway: { ...limits, slowClients: ['skip prices/**'] } });
    w.publishMany('prices/eur', 300);
    const stream = await w.openStream();
    const sink = new TestSink();
    sink.stalled = true;
    await joinRoom(stream, 'prices/eur', { kind: 'start' }, sink);
    await until(() => sink.seqs().length > 0);
    sink.flow();
    await until(() => sink.of('live').length === 1);
    expect(sink.seqs()).toEqual(seqs(1, 300));
    expect(sink.of('gap')).toEqual([]);
  });

  it('close ends the connection at its own limit, and leaves all other rooms alone', async () => {
    const w = world({ gateway: { slowClientBytes: 1_000_000, slowClients: ['close:4000 trades/*'] } });
    const stream = await w.openStream();
    const { sink: trader } = await joinRoom(stream, 'trades/eur', { kind: 'live' });
    const { sink: reader } = await joinRoom(stream, 'news', { kind: 'live' });
    trader.stalled = true;
    reader.stalled = true;
    w.publishMany('trades/eur', 60);
    w.publishMany('news', 60);
    await until(() => trader.closed);
    expect(trader.closeCode).toBe(1013);
    await w.settled(stream);
    await until(() => reader.seqs().length === 60);
    expect(reader.closed).toBe(false);
    expect(await w.metric('roomlog_slow_clients_closed_total')).toBe(1);
    expect(await w.metric('roomlog_slow_clients')).toBe(0);
  });

  it('bears a member that takes nothing for as long as its rule says', async () => {
    const w = world({ gateway: { ...limits, slowClients: ['skip:4000:50 prices/*'] } });
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'prices/eur', { kind: 'live' });
    sink.stalled = true;
    w.publishMany('prices/eur', 100);
    await until(() => sink.closed, 2_000);
    expect(sink.closeCode).toBe(1013);
    await until(() => sink.closed);
    expect(await w.metric('roomlog_slow_clients')).toBe(0);
  });
});
