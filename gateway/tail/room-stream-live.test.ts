import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import type { Offset, RoomId } from '../../core/ids.ts';
import { ORIGIN_TAG } from './test-sequencer.fixture.ts';
import { TestSink } from './test-sink.fixture.ts';
import { joinRoom, until } from './world.fixture.ts';
import { ownWorlds } from './worlds.fixture.ts';

const world = ownWorlds();

describe('the live path', () => {
  it('delivers events as they come, after live', async () => {
    const w = world();
    w.publish('lobby', 'before');
    const stream = await w.openStream();
    const { sink, subscription } = await joinRoom(stream, 'lobby', { kind: 'live' });
    expect(subscription).toMatchObject({ seq: 1, recovered: false });
    w.publish('lobby', { text: 'hello' });
    w.publish('lobby', { text: 'again' });
    await until(() => sink.seqs().length === 2);
    expect(sink.frames.map((frame) => frame.type)).toEqual(['live', 'event', 'event']);
    expect(sink.frames[0]).toEqual({ type: 'live', room: 'lobby', seq: 1, cursor: subscription.cursor });
    expect(sink.frames[1]).toMatchObject({
      room: 'lobby',
      seq: 2,
      user: 'alice',
      event: 'said',
      data: { text: 'hello' },
    });
  });

  it('lets in at once whoever has nothing to read, in a turn that has used up its share too', async () => {
    const w = world();
    w.publish('lobby', 'before');
    const stream = await w.openStream();
    const sinks = [new TestSink(), new TestSink()];
    const joins = await Promise.all(sinks.map((sink) => stream.subscribe('lobby' as RoomId, { kind: 'live' }, sink)));
    for (const { begin } of joins) {
      begin();
      for (const until = performance.now() + 10; performance.now() < until; );
    }
    expect(sinks.map(({ frames }) => frames.map(({ type }) => type))).toEqual([['live'], ['live']]);
  });

  it('survives listeners and sinks that throw', async () => {
    const w = world();
    const stream = await w.openStream();
    const broken = new TestSink();
    const { sink } = await joinRoom(stream, 'lobby', { kind: 'live' });
    await joinRoom(stream, 'lobby', { kind: 'live' }, broken);
    broken.sendFramed = () => {
      throw new Error('broken');
    };
    w.published.push = () => {
      throw new Error('broken');
    };
    w.publish('lobby', 1, { origin: Buffer.concat([ORIGIN_TAG, Buffer.alloc(8)]) });
    await until(() => sink.seqs().length === 1);
    expect(broken.closeCode).toBe(1013);
    expect(stream.ready).toBe(true);
  });

  it('gives each member one write for all events of a window', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink: first } = await joinRoom(stream, 'lobby', { kind: 'live' });
    const { sink: second } = await joinRoom(stream, 'lobby', { kind: 'live' });
    w.publishMany('lobby', 20);
    await until(() => first.seqs().length === 20 && second.seqs().length === 20);
    expect(first.writes).toBe(2);
    expect(second.writes).toBe(2);
  });

  it('tells a publisher in the turn in which its event is written, so that both are one write', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'lobby', { kind: 'live' });
    let isTelling = false;
    const writtenWhileTelling: boolean[] = [];
    w.published.push = () => {
      isTelling = true;
      process.nextTick(() => {
        isTelling = false;
      });
      return 0;
    };
    const send = sink.sendFramed.bind(sink);
    sink.sendFramed = (frames) => {
      writtenWhileTelling.push(isTelling);
      send(frames);
    };
    w.publish('lobby', 1, { origin: Buffer.concat([ORIGIN_TAG, Buffer.alloc(8)]) });
    await until(() => sink.seqs().length === 1);
    expect(writtenWhileTelling).toEqual([true]);
  });

  it('lets the tail ask for more before it writes to members', async () => {
    const w = world();
    const sink = new TestSink();
    const written: number[] = [];
    const open = w.log.cluster.open.bind(w.log.cluster);
    w.log.cluster.open = (name) => {
      const log = open(name);
      const tail = log.tail.bind(log);
      log.tail = (options) =>
        tail({
          ...options,
          onRecords: async (partition, records, progress) => {
            await options.onRecords(partition, records, progress);
            if (records.length > 0) written.push(sink.seqs().length);
          },
        });
      return log;
    };
    const stream = await w.openStream();
    await joinRoom(stream, 'lobby', { kind: 'live' }, sink);
    written.length = 0;
    w.publish('lobby', 1);
    await until(() => sink.seqs().length === 1);
    expect(written).toEqual([0]);
  });

  it('has fetches rest while the event loop is busy, and not where no event may be held back', async () => {
    const w = world();
    const rests: Array<() => number> = [];
    const { cluster } = w.log;
    const open = cluster.open.bind(cluster);
    cluster.open = (name) => {
      const log = open(name);
      const tail = log.tail.bind(log);
      log.tail = (options) => {
        rests.push(() => options.restMs?.() ?? 0);
        return tail(options);
      };
      return log;
    };
    await w.openStream();
    await w.openStream({ flushWindowMaxMs: 0 });
    const [rest, never] = rests;
    let asked = 0;
    await until(() => {
      // Rests go as far as live events are what keeps the loop busy.
      asked += 1;
      w.publish('lobby', asked);
      for (const end = performance.now() + 120; performance.now() < end; );
      return (rest?.() ?? 0) > 0;
    });
    // It takes more than one full tenth of a second.
    expect(asked).toBeGreaterThan(2);
    expect(never?.()).toBe(0);
  });

  it('joins events in batch frames for those who asked', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'lobby', { kind: 'live' }, new TestSink(true));
    w.publishMany('lobby', 20);
    await until(() => sink.seqs().length === 20);
    expect(sink.frames.map((frame) => frame.type)).toEqual(['live', 'batch']);
    w.publish('lobby', 'single');
    await until(() => sink.seqs().length === 21);
    expect(sink.frames.at(-1)?.type).toBe('event');
  });

  it('drops what zombies wrote and what was written twice', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'lobby', { kind: 'live' });
    const sequencer = w.of('lobby');
    const { record: first } = w.publish('lobby', 1);
    sequencer.append(first);
    sequencer.claim();
    sequencer.append({ ...first, inbound: 1 as Offset, prevInbound: 0 as Offset });
    w.publish('lobby', 2);
    await until(() => sink.seqs().length === 2);
    await w.settled(stream);
    expect(sink.of('event').map((event) => event.data)).toEqual([1, 2]);
    expect(stream.stats().staleRecords).toBe(2);
    expect(await w.metric('roomlog_outbound_records_total')).toBe(stream.stats().foldedRecords);
  });

  it('tells a publisher of this gateway, and no other, what became of its publish', async () => {
    const w = world();
    const stream = await w.openStream();
    const ours = Buffer.concat([ORIGIN_TAG, Buffer.alloc(8, 1)]);
    w.publish('lobby', 1, { origin: ours, key: 'k' });
    w.publish('lobby', 2, { origin: Buffer.alloc(16, 9) });
    w.publish('lobby', 3);
    w.publish('lobby', 1, { origin: ours, key: 'k' });
    await w.settled(stream);
    expect(w.published.map(({ seq }) => seq)).toEqual([1]);
    expect(w.answered).toMatchObject([{ code: 'duplicate', seq: 1, cursor: w.published[0]?.cursor }]);
  });

  it('sends nothing after cancel, and counts members', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink, subscription } = await joinRoom(stream, 'lobby', { kind: 'live' });
    const { sink: other } = await joinRoom(stream, 'lobby', { kind: 'live' });
    expect(stream.memberCount('lobby' as RoomId)).toBe(2);
    expect(stream.stats()).toMatchObject({ rooms: 1, members: 2 });
    subscription.cancel();
    subscription.cancel();
    w.publish('lobby', 1);
    await until(() => other.seqs().length === 1);
    expect(sink.seqs()).toEqual([]);
    expect(stream.memberCount('lobby' as RoomId)).toBe(1);
  });

  it('broadcasts frames that are not in the log to live members but one', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink: sender } = await joinRoom(stream, 'lobby', { kind: 'live' });
    const { sink: other } = await joinRoom(stream, 'lobby', { kind: 'live' });
    stream.broadcast('lobby' as RoomId, () => Buffer.from('{"type":"presence"}'), sender);
    expect(other.of('presence')).toHaveLength(1);
    expect(sender.of('presence')).toHaveLength(0);
  });

  it('keeps no broadcast frames for a member that does not read', async () => {
    const w = world({ gateway: { slowClientBytes: 4_000 } });
    const stream = await w.openStream();
    const { sink: stalled } = await joinRoom(stream, 'lobby', { kind: 'live' });
    const { sink: quick } = await joinRoom(stream, 'lobby', { kind: 'live' });
    // On a busy machine the turn's share may be used up before they are live.
    await until(() => [stalled, quick].every((sink) => sink.of('live').length === 1));
    stalled.stalled = true;
    const frame = Buffer.from(`{"type":"event","data":"${'x'.repeat(1_000)}"}`);
    for (let count = 0; count < 100; count += 1) stream.broadcast('lobby' as RoomId, () => frame);
    expect(quick.of('event')).toHaveLength(100);
    expect(stalled.bufferedBytes()).toBeLessThan(4_000 + 2 * frame.length);
    stalled.flow();
    stream.broadcast('lobby' as RoomId, () => frame);
    expect(stalled.of('event').length).toBeGreaterThan(4);
    expect(stalled.closed).toBe(false);
  });
});
