import { describe, expect, it, vi } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import type { Fold } from '../../core/log/fold.ts';
import { stateOf } from '../../test/support/fold-state.ts';
import { POISON, p0, topics, twoSnapshots, World } from '../../test/support/snapshots-log.ts';
import { parseSnapshotKey } from './keys.ts';

describe('loadSnapshot', () => {
  it('finds nothing where nothing was written', async () => {
    expect((await new World().load()).loaded).toBeNull();
  });

  it('gives the fold of the newest snapshot back, with all that its writer knew', async () => {
    const { world, newer } = await twoSnapshots(true);
    const { loaded, refused } = await world.load();
    expect(refused).toEqual([]);
    expect(loaded).toMatchObject({ bytesSinceClaim: 77, takenAt: 1_234, poison: [POISON] });
    expect(loaded?.anchors).toEqual([{ offset: 1, epoch: 0, lastInbound: -1, logTime: 0 }]);
    expect(loaded?.mark).toMatchObject({ offset: newer, streamId: 's', partitions: 1, epoch: 0, partition: 0 });
    expect(stateOf(loaded?.fold as Fold)).toEqual(stateOf(world.fold));
  });

  it('gives heads alone to those who ask for no more, and does not read on behind them', async () => {
    const { world } = await twoSnapshots(true);
    world.tamper(3, () => null);
    const { loaded } = await world.load({ parts: 'heads' });
    expect(loaded?.fold.publishers).toBeNull();
    expect([...(loaded?.fold.heads.entries() ?? [])]).toEqual([...world.fold.heads.entries()]);
  });

  it('gives an older one where only those at or below an offset are asked for', async () => {
    const { world, older, newer } = await twoSnapshots();
    expect((await world.load({ below: newer as Offset })).loaded?.mark.offset).toBe(newer);
    expect((await world.load({ below: (newer - 1) as Offset })).loaded?.mark.offset).toBe(older);
    expect((await world.load({ below: (older - 1) as Offset })).loaded).toBeNull();
  });

  it('forgets anchors that retention has passed', async () => {
    const { world } = await twoSnapshots();
    world.log.cluster.trim(topics.outbound, p0, 5 as Offset);
    expect((await world.load()).loaded?.anchors).toEqual([]);
  });

  it('reads from the end, not the whole topic', async () => {
    const world = new World();
    world.fill();
    for (let n = 0; n < 10; n++) {
      world.publish(5);
      await world.write();
    }
    const { slots } = world.log.cluster.partition(topics.snapshots, p0);
    let oldestRead = slots.length;
    const reads = vi.spyOn(world.log, 'readRange');
    expect((await world.load()).loaded?.mark.offset).toBe(world.newest);
    for (const [{ topic, from }] of reads.mock.calls) {
      if (topic === topics.snapshots) oldestRead = Math.min(oldestRead, from);
    }
    expect(oldestRead).toBeGreaterThan(slots.length / 2);
  });

  it('finds the same after the topic was compacted, and then only two are left', async () => {
    const world = new World();
    for (let n = 0; n < 5; n++) {
      world.publish(5);
      await world.write();
    }
    world.compact();
    const offsets = world.log.cluster
      .records(topics.snapshots, p0)
      .map(({ key }) => parseSnapshotKey(p0, key)?.offset as Offset);
    expect([...new Set(offsets)]).toEqual([world.next - 5, world.next]);
    expect(stateOf((await world.load()).loaded?.fold as Fold)).toEqual(stateOf(world.fold));
  });
});
