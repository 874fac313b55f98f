/** Members of a group, and the end of a log. */
import { expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import { at, collect, eventually, p, readAll, record, texts } from './log-reader.ts';
import type { LogUnderTest } from './log-under-test.ts';

export function groupContract(world: LogUnderTest): void {
  test('shares the partitions of a group, and hands them over when a member leaves', async () => {
    const topic = await world.newTopic(6);
    const [one, two] = await Promise.all([world.open('one'), world.open('two')]);
    const owned: Record<string, readonly Partition[]> = {};
    const join = (handle: EventLog, member: string) =>
      handle.joinGroup({
        groupId: `group-${topic}`,
        topic,
        sessionTimeoutMs: 6_000,
        heartbeatIntervalMs: 100,
        rebalanceTimeoutMs: 5_000,
        onAssignment: (partitions) => {
          owned[member] = partitions;
        },
        onError: (error) => {
          throw error;
        },
      });
    const first = await join(one, 'one');
    await eventually(() => expect(owned.one).toEqual([0, 1, 2, 3, 4, 5]), world.harness.rebalanceMs);
    expect(first.lastHeartbeatAt).toBeGreaterThan(0);
    const generation = first.generation;
    const second = await join(two, 'two');
    await eventually(() => {
      expect(owned.one).toHaveLength(3);
      expect(owned.two).toHaveLength(3);
    }, world.harness.rebalanceMs);
    expect(new Set([...(owned.one ?? []), ...(owned.two ?? [])]).size).toBe(6);
    expect(first.generation).toBeGreaterThan(generation);
    const heartbeatAt = second.lastHeartbeatAt;
    await eventually(() => expect(second.lastHeartbeatAt).toBeGreaterThan(heartbeatAt));
    first.commit(new Map([[p(0), at(0)]]));
    await first.leave();
    await eventually(() => expect(owned.two).toEqual([0, 1, 2, 3, 4, 5]), world.harness.rebalanceMs);
    await second.leave();
  });

  test('tells of a rebalance while a batch is being handled, and hands over nothing of what was released', async () => {
    const topic = await world.newTopic(2);
    for (const partition of [p(0), p(1)]) await world.appendAll(topic, partition, ['a', 'b']);
    const [one, two] = await Promise.all([world.open('slow'), world.open('other')]);
    const held = Promise.withResolvers<void>();
    const handling = new Set<Partition>();
    const seen: Record<string, string[]> = { slow: [], other: [] };
    const owned: Record<string, readonly Partition[]> = { slow: [], other: [] };
    const work = (name: string, handle: EventLog) => {
      const tail = handle.tail({
        topic,
        onError: () => {},
        onRecords: (partition, records) => {
          for (const { value } of records) seen[name]?.push(`${partition}${value}`);
          if (name !== 'slow' || records.length === 0) return;
          handling.add(partition);
          return held.promise;
        },
      });
      const joining = handle.joinGroup({
        groupId: `busy-${topic}`,
        topic,
        sessionTimeoutMs: 6_000,
        heartbeatIntervalMs: 100,
        rebalanceTimeoutMs: 5_000,
        onAssignment: (partitions) => {
          for (const partition of owned[name] ?? []) if (!partitions.includes(partition)) tail.release(partition);
          for (const partition of partitions) if (!owned[name]?.includes(partition)) tail.assign(partition, at(0));
          owned[name] = partitions;
        },
        onError: () => {},
      });
      return { tail, joining };
    };
    const slow = work('slow', one);
    await slow.joining;
    await eventually(() => expect(handling.size).toBe(2), world.harness.rebalanceMs);
    const other = work('other', two);
    await other.joining;
    await eventually(() => expect(owned.other).toHaveLength(1), world.harness.rebalanceMs);
    await eventually(() => expect(owned.slow).toHaveLength(1));
    const [lost] = owned.other as [Partition];
    const [kept] = owned.slow as [Partition];
    await eventually(() => expect(seen.other).toEqual([`${lost}a`, `${lost}b`]));
    held.resolve();
    for (const partition of [lost, kept]) await world.appendAll(topic, partition, ['c']);
    await eventually(() => expect(seen.slow).toContain(`${kept}c`));
    await eventually(() => expect(seen.other).toEqual([`${lost}a`, `${lost}b`, `${lost}c`]));
    expect(seen.slow).not.toContain(`${lost}c`);
    await Promise.all([one.close(), two.close()]);
  });

  test('closes while busy: everything that waits comes to its end, and nothing is called after', async () => {
    const topic = await world.newTopic(2);
    await world.appendAll(topic, p(0), ['a']);
    const handle = await world.open('busy');
    const held = Promise.withResolvers<void>();
    let calls = 0;
    const tail = handle.tail({
      topic,
      onError: () => void calls++,
      onRecords: (_, records) => {
        calls++;
        return records.length > 0 ? held.promise : undefined;
      },
    });
    for (const partition of [p(0), p(1)]) tail.assign(partition, at(0));
    await handle.joinGroup({
      groupId: `closing-${topic}`,
      topic,
      sessionTimeoutMs: 6_000,
      heartbeatIntervalMs: 100,
      rebalanceTimeoutMs: 5_000,
      onAssignment: () => void calls++,
      onError: () => void calls++,
    });
    await eventually(() => expect(calls).toBeGreaterThan(1));
    const appends = Array.from({ length: 20 }, (_, i) =>
      handle.append(topic, [{ partition: p(1), records: [record(`${i}`)] }]),
    );
    // Waited for at once: they may fail while closing is waited for.
    const asked = Promise.allSettled([
      handle.ranges(topic),
      readAll(handle, topic, p(0), 0, 1),
      handle.offsetsAt(topic, 0),
    ]);
    const closing = handle.close();
    held.resolve();
    await closing;
    const after = calls;
    const answers = await asked;
    for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(RoomlogError);
    const outcomes = (await Promise.all(appends)).flat();
    expect(outcomes).toHaveLength(20);
    await world.appendAll(topic, p(1), ['later']);
    const appended = outcomes.filter(({ status }) => status === 'appended').length;
    expect(texts(await world.readAll(topic, p(1), 0, 100)).length).toBeGreaterThan(appended);
    expect(calls).toBe(after);
  });

  test('is reachable, and closes twice without complaint', async () => {
    const handle = await world.open('closing');
    const topic = await world.newTopic(1);
    expect(await handle.partitionCount(topic)).toBe(1);
    expect(handle.reachable()).toBe(true);
    const seen = collect(handle, topic);
    seen.tail.assign(p(0), at(0));
    await handle.close();
    await handle.close();
    const [outcome] = await handle.append(topic, [{ partition: p(0), records: [record('late')] }]);
    expect(outcome?.status).not.toBe('appended');
    expect(outcome && 'error' in outcome && outcome.error instanceof RoomlogError).toBe(true);
  });
}
