import { Buffer } from 'node:buffer';
import { describe, expect, it, vi } from 'vitest';
import type { Offset, RoomId, Seq } from '../../core/ids.ts';
import { takeSnapshot } from './snapshot.fixture.ts';
import { SNAPSHOTS } from './test-sequencer.fixture.ts';
import { joinRoom, until, type World } from './world.fixture.ts';
import { caughtUp, endOf, ownWorlds, p0, seqs } from './worlds.fixture.ts';

const world = ownWorlds();
const one = (w: World) => w.of('a');

describe('a snapshot that can not be believed', () => {
  /** Reads the whole log instead, and says why. */
  async function expectUnused(w: World, reason: string): Promise<void> {
    const stream = await w.openStream();
    expect(stream.stats().foldedRecords).toBe(endOf(w));
    expect(await w.metric('roomlog_gateway_snapshots_loaded_total')).toBe(0);
    const text = await w.metrics.render();
    expect(text).toMatch(new RegExp(`^roomlog_gateway_snapshots_refused_total\\{reason="${reason}"\\} 1$`, 'm'));
    const { subscription } = await joinRoom(stream, 'a', { kind: 'live' });
    expect(subscription.seq).toBe(20);
  }

  it('is not used when a chunk was changed', async () => {
    const w = world();
    w.publishMany('a', 20);
    await takeSnapshot(w, one(w));
    const { slots } = w.log.cluster.partition(SNAPSHOTS, p0);
    const [chunk] = slots;
    const value = Buffer.from(chunk?.value as Buffer);
    // The head's seq, 20 in zigzag, is in it once.
    value[value.indexOf(40)] = 42;
    slots[0] = { ...(chunk as NonNullable<typeof chunk>), value };
    await expectUnused(w, 'corrupt');
  });

  it('is not used when a chunk is missing', async () => {
    const w = world();
    w.publishMany('a', 20);
    await takeSnapshot(w, one(w));
    w.log.cluster.partition(SNAPSHOTS, p0).slots[0] = null;
    await expectUnused(w, 'torn');
  });

  it('is not used when it was taken under a claim that this log does not have', async () => {
    const w = world();
    w.publishMany('a', 20);
    await takeSnapshot(w, one(w), {
      change: (capture) => ({ ...capture, mark: { ...capture.mark, claimNonce: Buffer.alloc(16) } }),
    });
    await expectUnused(w, 'foreign');
  });

  it('gives way to the older one', async () => {
    const w = world();
    w.publishMany('a', 20);
    const older = await takeSnapshot(w, one(w));
    w.publishMany('a', 20);
    await takeSnapshot(w, one(w), {
      keep: older,
      change: (capture) => ({ ...capture, mark: { ...capture.mark, claimNonce: Buffer.alloc(16) } }),
    });
    const stream = await w.openStream();
    expect(stream.stats().foldedRecords).toBe(20);
    expect(await w.metric('roomlog_gateway_snapshots_loaded_total')).toBe(1);
  });

  it.each([
    ['a room’s seq', 'a', { seq: 19 }],
    ['the chain', 'a', { lastInbound: 3 }],
    ['the claim', 'a', { epoch: 0 }],
  ])('is read around when its hashes are right and %s is not what the log says', async (_, room, wrong) => {
    const w = world({ gateway: { ringBytes: 1 } });
    w.publishMany('a', 20);
    w.of('a').claim();
    w.publishMany('b', 10);
    const { seq, ...mark } = { seq: undefined, ...wrong } as { seq?: number; lastInbound?: Offset; epoch?: never };
    const nonce = one(w).written[0]?.claim?.nonce as Buffer;
    await takeSnapshot(w, one(w), {
      change: (capture) => ({
        ...capture,
        mark: { ...capture.mark, ...mark, ...(mark.epoch === undefined ? {} : { claimNonce: nonce }) },
        rooms: [...capture.rooms].map(([name, was, at]) => [name, (name === room ? (seq ?? was) : was) as Seq, at]),
      }),
    });
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'b', { kind: 'live' });
    w.publish('a', 'after');
    w.publish('b', 'after');
    await until(() => sink.seqs().length === 1);
    expect(stream.partitionAvailable('a' as RoomId)).toBe(true);
    const { sink: reader, subscription } = await joinRoom(stream, 'a', { kind: 'start' });
    await caughtUp(reader);
    expect(subscription.seq).toBe(21);
    expect(reader.seqs()).toEqual(seqs(1, 21));
    expect(sink.seqs()).toEqual([11]);
  });

  it('does not make a gateway go on over a log that contradicts itself', async () => {
    const w = world();
    const { record } = w.publish('a', 1);
    await takeSnapshot(w, one(w));
    const stream = await w.openStream();
    w.of('a').append({ ...record, prevInbound: 7 as Offset, inbound: 8 as Offset });
    await vi.waitFor(async () => expect(await w.metric('roomlog_partitions_halted')).toBe(1));
    expect(stream.partitionAvailable('a' as RoomId)).toBe(false);
  });
});
