import { afterEach, describe, expect, it } from 'vitest';
import type { Offset, RoomId, Seq } from '../../core/ids.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import type { Codec } from '../../schemas/codec.ts';
import { codec } from '../tail/test-sequencer.fixture.ts';
import { TestSink } from '../tail/test-sink.fixture.ts';
import { joinRoom, until, World } from '../tail/world.fixture.ts';
import { watchReads } from './watch-reads.fixture.ts';

let w: World;
afterEach(() => w.close());

describe('one reader', () => {
  it('proves its cursor by the read that brings it up to date', async () => {
    w = new World({ gateway: { ringBytes: 1 } });
    const seen = watchReads(w);
    const offsets = Array.from({ length: 400 }, () => w.publish('a', 'x'.repeat(1_000)).offset);
    const cursor = encodeCursor(w.streamId, 'a' as RoomId, { offset: offsets[99] as Offset, seq: 100 as Seq });
    const { sink } = await joinRoom(await w.openStream(), 'a', { kind: 'after', cursor });
    await until(() => sink.of('live').length === 1);
    expect(sink.seqs()).toHaveLength(300);
    expect(seen.reads).toBe(1);
  });

  it('decodes no more than its cursor’s record and the first event behind that before it is told that it has joined', async () => {
    let decoded = 0;
    const counting: Codec = {
      ...codec,
      decodeOutbound: (record) => {
        decoded += 1;
        return codec.decodeOutbound(record);
      },
    };
    w = new World({ gateway: { ringBytes: 1 }, codec: counting });
    const offsets = w.publishMany('a', 400);
    const cursor = encodeCursor(w.streamId, 'a' as RoomId, { offset: offsets[99] as Offset, seq: 100 as Seq });
    const stream = await w.openStream();
    decoded = 0;
    const subscription = await stream.subscribe('a' as RoomId, { kind: 'after', cursor }, new TestSink());
    expect(subscription.recovered).toBe(true);
    expect(decoded).toBe(2);
  });

  it('reads up to where the ring begins', async () => {
    w = new World({ gateway: { ringBytes: 293_000 } });
    const seen = watchReads(w);
    for (let count = 0; count < 400; count += 1) w.publish('a', 'x'.repeat(1_000));
    const { sink } = await joinRoom(await w.openStream(), 'a', { kind: 'start' });
    await until(() => sink.of('live').length === 1);
    expect(sink.seqs()).toHaveLength(400);
    // The ring holds two hundred events.
    expect(seen.records).toBeGreaterThanOrEqual(200);
    expect(seen.records).toBeLessThan(230);
  });

  it('reads a short rest along with what comes before it', async () => {
    const readsOf = async (events: number): Promise<number> => {
      w = new World({ gateway: { ringBytes: 1 } });
      const seen = watchReads(w);
      for (let count = 0; count < events; count += 1) w.publish('a', 'x'.repeat(60_000));
      const { sink } = await joinRoom(await w.openStream(), 'a', { kind: 'start' });
      await until(() => sink.of('live').length === 1);
      await w.close();
      return seen.reads;
    };
    expect(await readsOf(24)).toBe(1);
    expect(await readsOf(30)).toBeGreaterThan(1);
  });
});
