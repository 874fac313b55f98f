import { describe, expect, test } from 'vitest';
import { parseSnapshotKey } from '../../adapters/snapshots/keys.ts';
import { movableClock } from '../../test/support/movable-clock.ts';
import { until } from '../../test/support/running-sequencers.ts';
import { HOUR_MS, p0, World } from '../../test/support/snapshots-world.ts';

describe('writing', () => {
  test('writes one after so many records, and on stop; two are kept', async () => {
    const world = new World({ snapshotEveryRecords: 20 });
    const a = await world.start('a');
    for (let round = 1; round <= 4; round++) {
      world.publish(25);
      await until(() => expect(a.report().partitions[0]?.snapshot?.offset).toBeGreaterThanOrEqual(round * 20));
    }
    world.publish(3);
    await world.seqOf('r', 103);
    await a.stop();
    expect((await world.load())?.mark.offset).toBe(world.end);
    const { slots } = world.stream.cluster.partition(world.stream.topics.snapshots, p0);
    const left = new Map(slots.map((slot) => [slot?.key?.toString(), slot]));
    const offsets = [...left.values()].flatMap((slot) =>
      slot?.value == null ? [] : [parseSnapshotKey(p0, slot.key)?.offset],
    );
    expect(new Set(offsets).size).toBe(2);
  });

  test('writes one of few records too, once time has passed, and none where nothing was folded since', async () => {
    const clock = movableClock();
    const world = new World({}, clock);
    const a = await world.start('a');
    world.publish(1);
    await world.seqOf('r', 1);
    expect(a.report().partitions[0]?.snapshot).toBeNull();
    clock.advance(world.stream.config.sequencer.snapshotEveryMs);
    await until(() => expect(a.report().partitions[0]?.snapshot?.offset).toBe(world.end));
    const written = world.stream.cluster.records(world.stream.topics.snapshots, p0).length;
    clock.advance(world.stream.config.sequencer.snapshotEveryMs);
    await a.stop();
    expect(world.stream.cluster.records(world.stream.topics.snapshots, p0)).toHaveLength(written);
  });

  test('writes none of canaries alone, however much time has passed, before retention comes near', async () => {
    const clock = movableClock();
    const world = new World({ canaryIntervalMs: 10_000 }, clock);
    const { snapshotEveryMs } = world.stream.config.sequencer;
    const a = await world.start('a', { outboundRetentionMs: 16 * snapshotEveryMs });
    const oneMoreCanary = async (afterMs: number): Promise<void> => {
      const { end } = world;
      clock.advance(afterMs);
      await until(() => expect(world.end).toBeGreaterThan(end));
    };
    await oneMoreCanary(snapshotEveryMs);
    await oneMoreCanary(10_000);
    await oneMoreCanary(10_000);
    expect(a.report().partitions[0]?.snapshot).toBeNull();
    clock.advance(2 * snapshotEveryMs);
    await until(() => expect(a.report().partitions[0]?.snapshot).not.toBeNull());
  });

  test('waits on stop for the one under way, and for one of what came after it', async () => {
    const world = new World({ snapshotEveryRecords: 5 });
    const a = await world.start('a');
    const gate = Promise.withResolvers<void>();
    let appends = 0;
    const { snapshots } = world.stream.topics;
    world.stream.cluster.onAppend = ({ topic }) =>
      topic === snapshots && ++appends === 1 ? { hold: gate.promise } : undefined;
    world.publish(10);
    await until(() => expect(appends).toBe(1));
    world.publish(3);
    await world.seqOf('r', 13);
    const stopped = a.stop();
    gate.resolve();
    await stopped;
    expect((await world.load())?.mark.offset).toBe(world.end);
  });

  test('writes nothing once the partition may be another’s', async () => {
    const world = new World();
    const a = await world.start('a');
    world.publish(5);
    await world.seqOf('r', 5);
    world.stream.cluster.group(world.stream.groupId, world.stream.topics.inbound).evict('a', { tell: false });
    await new Promise((resolve) => setTimeout(resolve, world.stream.config.sequencer.sessionTimeoutMs + 100));
    await a.stop();
    expect(world.stream.cluster.records(world.stream.topics.snapshots, p0)).toEqual([]);
  });

  test('tries again later where it is refused, and goes on sequencing', async () => {
    const clock = movableClock();
    const world = new World({ snapshotEveryRecords: 5 }, clock);
    const { snapshots } = world.stream.topics;
    world.stream.cluster.onAppend = ({ topic }) => (topic === snapshots ? 'refused' : undefined);
    const a = await world.start('a');
    world.publish(10);
    await until(() => expect(world.said('a snapshot was given up')).toBe(true));
    world.publish(10);
    await world.seqOf('r', 20);
    world.stream.cluster.onAppend = undefined;
    clock.advance(30_000);
    await until(() => expect(a.report().partitions[0]?.snapshot?.offset).toBe(world.end));
  });

  test('raises an alarm when a quarter of outbound’s retention has passed without one', async () => {
    const clock = movableClock();
    const world = new World({}, clock);
    const { snapshots } = world.stream.topics;
    world.stream.cluster.onAppend = ({ topic }) => (topic === snapshots ? 'refused' : undefined);
    const a = await world.start('a', { outboundRetentionMs: HOUR_MS });
    world.publish(1);
    await world.seqOf('r', 1);
    const age = (ms: number) => {
      clock.advance(ms);
    };
    age(HOUR_MS / 4 - 10_000);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(a.report().partitions[0]?.snapshotOverdue).toBe(false);
    expect(world.said('ALARM snapshot_overdue')).toBe(false);
    age(11_000);
    await until(() => expect(world.said('ALARM snapshot_overdue')).toBe(true));
    expect(a.report().partitions[0]?.snapshotOverdue).toBe(true);
    world.stream.cluster.onAppend = undefined;
    age(30_000);
    await until(() =>
      expect(a.report().partitions[0]).toMatchObject({ snapshotOverdue: false, snapshot: { offset: world.end } }),
    );
    await until(() => expect(world.said('alarm snapshot_overdue is over')).toBe(true));
  });
});
