/** What every implementation of the log port must do; run against each adapter. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { EventLog, LogRecord } from '../../core/ports/event-log.ts';
import * as reader from './log-reader.ts';
import { at, collect, eventually, p, record, texts } from './log-reader.ts';

/** A cluster under test, and the few things that the port itself can't do. */
export interface LogHarness {
  /** Another client of the same cluster; the suite closes it. */
  open(clientId: string): Promise<EventLog>;
  createTopic(topic: string, partitions: number): Promise<void>;
  /** Deletes what stands below `start`, as retention does. */
  trim(topic: string, partition: Partition, start: Offset): Promise<void>;
  /** Opens a transaction as a foreign producer. One at a time. */
  transaction(topic: string, partition: Partition): Promise<ForeignTransaction>;
  /** How long a member may take to hear of a rebalance. */
  readonly rebalanceMs: number;
  close(): Promise<void>;
}

export interface ForeignTransaction {
  write(...values: readonly string[]): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

let topics = 0;

export function eventLogContract(name: string, makeHarness: () => Promise<LogHarness>): void {
  describe(`${name} keeps the contract of the log port:`, () => {
    let harness: LogHarness;
    let log: EventLog;
    const opened: EventLog[] = [];

    const open = async (clientId: string) => {
      const handle = await harness.open(clientId);
      opened.push(handle);
      return handle;
    };
    const newTopic = async (partitions: number) => {
      const topic = `contract-${process.pid}-${Date.now()}-${++topics}`;
      await harness.createTopic(topic, partitions);
      return topic;
    };
    const appendAll = (topic: string, partition: Partition, values: readonly string[]) =>
      reader.appendAll(log, topic, partition, values);
    const readAll = (topic: string, partition: Partition, from: number, to: number) =>
      reader.readAll(log, topic, partition, from, to);
    const abortTransaction = async (topic: string, partition: Partition) => {
      const transaction = await harness.transaction(topic, partition);
      await transaction.write('never', 'seen');
      await transaction.abort();
    };

    beforeAll(async () => {
      harness = await makeHarness();
      log = await open('contract');
    }, 120_000);
    afterAll(async () => {
      await Promise.all(opened.map((handle) => handle.close()));
      await harness.close();
    }, 60_000);

    test('tells the number of partitions, and says topic_missing for an unknown topic', async () => {
      const topic = await newTopic(3);
      expect(await log.partitionCount(topic)).toBe(3);
      await expect(log.partitionCount(`${topic}-none`)).rejects.toMatchObject({ code: 'topic_missing' });
    });

    test('appends contiguously and tells each partition where', async () => {
      const topic = await newTopic(2);
      const first = await log.append(topic, [
        { partition: p(0), records: [record('a'), record('b')] },
        { partition: p(1), records: [record('c')] },
      ]);
      expect(first).toEqual([
        { partition: 0, status: 'appended', baseOffset: 0 },
        { partition: 1, status: 'appended', baseOffset: 0 },
      ]);
      expect(await appendAll(topic, p(0), ['d'])).toBe(2);
      expect(texts(await readAll(topic, p(0), 0, 10))).toEqual(['a', 'b', 'd']);
    });

    test('judges each partition of one append alone', async () => {
      const topic = await newTopic(2);
      const outcomes = await log.append(topic, [
        { partition: p(0), records: [record('x'.repeat(2_000_000))] },
        { partition: p(1), records: [record('fits')] },
      ]);
      expect(outcomes.map((o) => o.status)).toEqual(['refused', 'appended']);
      expect(outcomes[0]).toMatchObject({ partition: 0, error: { code: 'too_large' } });
      expect(texts(await readAll(topic, p(1), 0, 10))).toEqual(['fits']);
      expect(await readAll(topic, p(0), 0, 10)).toEqual([]);
    });

    test('sends nothing of a batch that may not leave any more, and the others of its append', async () => {
      const topic = await newTopic(2);
      const outcomes = await log.append(topic, [
        { partition: p(0), records: [record('late')], mayLeave: () => false },
        { partition: p(1), records: [record('in time')], mayLeave: () => true },
      ]);
      expect(outcomes.map((o) => o.status)).toEqual(['not_appended', 'appended']);
      const [alone] = await log.append(topic, [{ partition: p(0), records: [record('late')], mayLeave: () => false }]);
      expect(alone).toMatchObject({ status: 'not_appended', error: { code: 'kafka_unreachable' } });
      expect(texts(await readAll(topic, p(1), 0, 10))).toEqual(['in time']);
      expect(await readAll(topic, p(0), 0, 10)).toEqual([]);
    });

    test('refuses an append to a topic or partition that does not exist', async () => {
      const topic = await newTopic(1);
      const [missingPartition] = await log.append(topic, [{ partition: p(7), records: [record('a')] }]);
      expect(missingPartition).toMatchObject({ status: 'refused', error: { code: 'topic_missing' } });
      const [missingTopic] = await log.append(`${topic}-none`, [{ partition: p(0), records: [record('a')] }]);
      expect(missingTopic).toMatchObject({ status: 'refused', error: { code: 'topic_missing' } });
    });

    test('keeps absent keys and values apart from empty ones', async () => {
      const topic = await newTopic(1);
      await log.append(topic, [
        {
          partition: p(0),
          records: [
            { key: null, value: null },
            { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: { why: 'test', empty: '' } },
          ],
        },
      ]);
      const [first, second] = await readAll(topic, p(0), 0, 2);
      expect(first).toMatchObject({ key: null, value: null });
      expect(second?.key?.length).toBe(0);
      expect(second?.value?.length).toBe(0);
    });

    test('stamps records with the time of the append', async () => {
      const topic = await newTopic(1);
      const before = Date.now();
      await appendAll(topic, p(0), ['a', 'b']);
      const after = Date.now();
      const records = await readAll(topic, p(0), 0, 2);
      expect(records).toHaveLength(2);
      for (const { timestamp } of records) {
        expect(timestamp).toBeGreaterThanOrEqual(before - 50);
        expect(timestamp).toBeLessThanOrEqual(after + 50);
      }
    });

    test('tails a partition in order from the offset asked for', async () => {
      const topic = await newTopic(2);
      await appendAll(topic, p(0), ['0', '1', '2', '3']);
      const seen = collect(log, topic);
      seen.tail.assign(p(0), at(2));
      await eventually(() => expect(texts(seen.records.get(p(0)) ?? [])).toEqual(['2', '3']));
      for (let i = 4; i < 20; i++) await appendAll(topic, p(0), [`${i}`]);
      await eventually(() => expect(seen.records.get(p(0))).toHaveLength(18));
      expect(seen.records.get(p(0))?.map((r) => r.offset)).toEqual(Array.from({ length: 18 }, (_, i) => i + 2));
      expect(seen.progress.get(p(0))).toMatchObject({ next: 20, end: 20 });
      expect(seen.errors).toEqual([]);
      await seen.tail.stop();
    });

    test('reports progress for an empty partition once', async () => {
      const topic = await newTopic(1);
      const seen = collect(log, topic);
      seen.tail.assign(p(0), at(0));
      await eventually(() => expect(seen.progress.get(p(0))).toMatchObject({ next: 0, end: 0 }));
      expect(seen.records.get(p(0))).toEqual([]);
      await seen.tail.stop();
      expect(seen.calls).toBe(1);
    });

    test('hands nothing over after release or stop, and moves on assign', async () => {
      const topic = await newTopic(1);
      await appendAll(topic, p(0), ['0', '1', '2']);
      const seen = collect(log, topic);
      seen.tail.assign(p(0), at(0));
      await eventually(() => expect(seen.records.get(p(0))).toHaveLength(3));
      seen.tail.release(p(0));
      await appendAll(topic, p(0), ['3']);
      seen.tail.assign(p(0), at(1));
      await eventually(() => expect(texts(seen.records.get(p(0)) ?? [])).toEqual(['0', '1', '2', '1', '2', '3']));
      await seen.tail.stop();
      const calls = seen.calls;
      await appendAll(topic, p(0), ['4']);
      expect(texts(await readAll(topic, p(0), 4, 5))).toEqual(['4']);
      expect(seen.calls).toBe(calls);
    });

    test('pauses and resumes a partition without touching the others', async () => {
      const topic = await newTopic(2);
      const seen = collect(log, topic);
      seen.tail.assign(p(0), at(0));
      seen.tail.assign(p(1), at(0));
      await eventually(() => expect(seen.progress.size).toBe(2));
      seen.tail.pause(p(0));
      await appendAll(topic, p(0), ['a']);
      await appendAll(topic, p(1), ['b']);
      await eventually(() => expect(texts(seen.records.get(p(1)) ?? [])).toEqual(['b']));
      await appendAll(topic, p(1), ['c']);
      await eventually(() => expect(texts(seen.records.get(p(1)) ?? [])).toEqual(['b', 'c']));
      expect(seen.records.get(p(0))).toEqual([]);
      seen.tail.resume(p(0));
      await eventually(() => expect(texts(seen.records.get(p(0)) ?? [])).toEqual(['a']));
      await seen.tail.stop();
    });

    test('holds a partition back while its handler has not settled', async () => {
      const topic = await newTopic(2);
      const settle: Array<() => void> = [];
      const seen: Record<number, string[]> = { 0: [], 1: [] };
      let running = 0;
      let overlapped = false;
      const tail = log.tail({
        topic,
        onError: () => {},
        async onRecords(partition, records) {
          seen[partition]?.push(...(texts(records) as string[]));
          if (partition !== 0) return;
          overlapped ||= ++running > 1;
          await new Promise<void>((resolve) => settle.push(resolve));
          running--;
        },
      });
      tail.assign(p(0), at(0));
      tail.assign(p(1), at(0));
      await eventually(() => expect(settle).toHaveLength(1));
      await appendAll(topic, p(0), ['a']);
      await appendAll(topic, p(1), ['b']);
      await eventually(() => expect(seen[1]).toEqual(['b']));
      await appendAll(topic, p(1), ['c']);
      await eventually(() => expect(seen[1]).toEqual(['b', 'c']));
      expect(seen[0]).toEqual([]);
      settle[0]?.();
      await eventually(() => expect(seen[0]).toEqual(['a']));
      expect(overlapped).toBe(false);
      let stopped = false;
      const stopping = tail.stop().then(() => {
        stopped = true;
      });
      await appendAll(topic, p(1), ['d']);
      expect(stopped).toBe(false);
      for (const resolve of settle) resolve();
      await stopping;
    });

    test('stops a partition with offset_out_of_range instead of jumping', async () => {
      const topic = await newTopic(2);
      await appendAll(topic, p(0), ['0', '1', '2', '3']);
      await appendAll(topic, p(1), ['other']);
      await harness.trim(topic, p(0), at(2));
      const seen = collect(log, topic);
      seen.tail.assign(p(0), at(0));
      seen.tail.assign(p(1), at(0));
      await eventually(() => expect(seen.errors).toHaveLength(1));
      expect(seen.errors[0]).toMatchObject({
        partition: 0,
        error: { code: 'offset_out_of_range', details: { start: 2, end: 4 } },
      });
      await eventually(() => expect(texts(seen.records.get(p(1)) ?? [])).toEqual(['other']));
      expect(seen.records.get(p(0)) ?? []).toEqual([]);
      seen.tail.assign(p(0), at(2));
      await eventually(() => expect(texts(seen.records.get(p(0)) ?? [])).toEqual(['2', '3']));
      seen.tail.assign(p(0), at(50));
      await eventually(() => expect(seen.errors).toHaveLength(2));
      expect(seen.errors[1]?.error.code).toBe('offset_out_of_range');
      await seen.tail.stop();
    });

    test('shows nothing of an aborted transaction and goes past it', async () => {
      const topic = await newTopic(1);
      await appendAll(topic, p(0), ['before']);
      await abortTransaction(topic, p(0));
      const after = await appendAll(topic, p(0), ['after']);
      await abortTransaction(topic, p(0));
      const seen = collect(log, topic);
      seen.tail.assign(p(0), at(0));
      await eventually(() => {
        const { next = 0, end = 0 } = seen.progress.get(p(0)) ?? {};
        expect(next).toBe(end);
        expect(next).toBeGreaterThan(after + 2);
      });
      const end = (await log.ranges(topic)).get(p(0))?.end ?? 0;
      expect(end).toBe(seen.progress.get(p(0))?.next);
      expect(texts(seen.records.get(p(0)) ?? [])).toEqual(['before', 'after']);
      expect(texts(await readAll(topic, p(0), 0, end))).toEqual(['before', 'after']);
      await seen.tail.stop();
    });

    test('shows a transaction once it is committed, and waits for one that hangs instead of going past it', async () => {
      const topic = await newTopic(1);
      await appendAll(topic, p(0), ['before']);
      const hung = await harness.transaction(topic, p(0));
      await hung.write('in it');
      await appendAll(topic, p(0), ['behind it']);
      const seen = collect(log, topic);
      seen.tail.assign(p(0), at(0));
      await eventually(() => expect(seen.progress.get(p(0))).toEqual({ next: 1, end: 1, written: 3 }));
      expect(texts(seen.records.get(p(0)))).toEqual(['before']);
      expect((await log.ranges(topic)).get(p(0))).toEqual({ start: 0, end: 1 });
      expect(texts(await readAll(topic, p(0), 0, 10))).toEqual(['before']);
      expect((await log.offsetsAt(topic, Date.now() + 3_600_000)).get(p(0))).toBe(1);
      expect(texts(seen.records.get(p(0)))).toEqual(['before']);
      await hung.commit();
      await eventually(() => expect(texts(seen.records.get(p(0)))).toEqual(['before', 'in it', 'behind it']));

      const aborted = await harness.transaction(topic, p(0));
      await aborted.write('never seen');
      await appendAll(topic, p(0), ['behind that']);
      await eventually(() => expect(seen.progress.get(p(0))).toMatchObject({ end: 4, written: 6 }));
      await aborted.abort();
      await eventually(() => expect(seen.progress.get(p(0))).toEqual({ next: 7, end: 7, written: 7 }));
      expect(texts(seen.records.get(p(0)))).toEqual(['before', 'in it', 'behind it', 'behind that']);
      expect(texts(await readAll(topic, p(0), 0, 10))).toEqual(texts(seen.records.get(p(0))));
      await seen.tail.stop();
    });

    test('carries records up to the size limit, also where less than one was asked for, and refuses larger ones', async () => {
      const topic = await newTopic(1);
      const large = 'l'.repeat(1_048_576 - 100);
      await appendAll(topic, p(0), ['before']);
      await appendAll(topic, p(0), [large]);
      await appendAll(topic, p(0), ['after']);
      const [refused] = await log.append(topic, [{ partition: p(0), records: [record(`${large}${'l'.repeat(101)}`)] }]);
      expect(refused).toMatchObject({ status: 'refused', error: { code: 'too_large' } });
      const seen = collect(log, topic, { maxPartitionBytes: 1_000 });
      seen.tail.assign(p(0), at(0));
      await eventually(() => expect(seen.records.get(p(0))).toHaveLength(3));
      const ranged: LogRecord[] = [];
      const range = { topic, partition: p(0), from: at(0), to: at(9), maxBytesPerFetch: 1_000 };
      for await (const chunk of log.readRange(range)) ranged.push(...chunk);
      for (const records of [seen.records.get(p(0)), ranged]) {
        expect(records?.map((r) => r.value?.length)).toEqual([6, large.length, 5]);
      }
      await seen.tail.stop();
    });

    test('moves wherever it is assigned, whatever is on its way or being handled', async () => {
      const topic = await newTopic(1);
      const values = Array.from({ length: 200 }, (_, i) => `${i}`);
      await appendAll(topic, p(0), values);
      const seen: string[] = [];
      let jumped = false;
      const tail = log.tail({
        topic,
        onError: () => {},
        onRecords: (partition, records) => {
          seen.push(...(texts(records) as string[]));
          if (jumped || records.length === 0) return;
          jumped = true;
          tail.assign(partition, at(190));
        },
      });
      for (const from of [7, 199, 0, 42]) tail.assign(p(0), at(from));
      await eventually(() => expect(seen.at(-1)).toBe('199'));
      const turn = seen.lastIndexOf('190');
      expect(seen.slice(turn)).toEqual(values.slice(190));
      expect(seen.slice(0, turn)).toEqual(values.slice(42, 42 + turn));
      await tail.stop();
    });

    test('hands nothing over once pause has returned, and misses nothing by it', async () => {
      const topic = await newTopic(2);
      const seen = collect(log, topic);
      for (const partition of [p(0), p(1)]) seen.tail.assign(partition, at(0));
      for (let round = 0; round < 10; round++) {
        seen.tail.pause(p(0));
        const before = texts(seen.records.get(p(0)));
        await Promise.all([appendAll(topic, p(0), [`${round}`]), appendAll(topic, p(1), [`${round}`])]);
        await eventually(() => expect(seen.records.get(p(1))).toHaveLength(round + 1));
        expect(texts(seen.records.get(p(0)))).toEqual(before);
        seen.tail.resume(p(0));
      }
      await eventually(() => expect(seen.records.get(p(0))?.map((r) => r.offset)).toEqual([...Array(10).keys()]));
      await seen.tail.stop();
    });

    test('reads a range exactly, and never past the end as of the call', async () => {
      const topic = await newTopic(1);
      const values = Array.from({ length: 50 }, (_, i) => `${i}`);
      for (let i = 0; i < 50; i += 10) await appendAll(topic, p(0), values.slice(i, i + 10));
      expect(texts(await readAll(topic, p(0), 3, 41))).toEqual(values.slice(3, 41));
      expect(texts(await readAll(topic, p(0), 45, 1_000))).toEqual(values.slice(45));
      expect(await readAll(topic, p(0), 50, 60)).toEqual([]);
      expect(await readAll(topic, p(0), 7, 7)).toEqual([]);
    });

    test('throws offset_out_of_range for a range that retention has passed', async () => {
      const topic = await newTopic(1);
      await appendAll(topic, p(0), ['0', '1', '2', '3']);
      await harness.trim(topic, p(0), at(3));
      await expect(readAll(topic, p(0), 1, 4)).rejects.toMatchObject({ code: 'offset_out_of_range' });
      expect(texts(await readAll(topic, p(0), 3, 4))).toEqual(['3']);
      expect((await log.ranges(topic, [p(0)])).get(p(0))).toEqual({ start: 3, end: 4 });
    });

    test('ends a range read when its signal is aborted', async () => {
      const topic = await newTopic(1);
      await appendAll(topic, p(0), ['0', '1']);
      const abort = new AbortController();
      abort.abort();
      const reading = log.readRange({ topic, partition: p(0), from: at(0), to: at(2), signal: abort.signal });
      for await (const _ of reading) throw new Error('a chunk came');
    });

    test('finds offsets by time', async () => {
      const topic = await newTopic(2);
      await appendAll(topic, p(0), ['0']);
      const [first] = await readAll(topic, p(0), 0, 1);
      const then = (first?.timestamp ?? 0) + 1;
      await eventually(() => expect(Date.now()).toBeGreaterThan(then + 5));
      await appendAll(topic, p(0), ['1', '2']);
      expect([...(await log.offsetsAt(topic, then))]).toEqual([
        [0, 1],
        [1, 0],
      ]);
      expect((await log.offsetsAt(topic, 0, [p(0)])).get(p(0))).toBe(0);
      expect((await log.offsetsAt(topic, Date.now() + 3_600_000, [p(0)])).get(p(0))).toBe(3);
    });

    test('shares the partitions of a group, and hands them over when a member leaves', async () => {
      const topic = await newTopic(6);
      const [one, two] = await Promise.all([open('one'), open('two')]);
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
      await eventually(() => expect(owned.one).toEqual([0, 1, 2, 3, 4, 5]), harness.rebalanceMs);
      expect(first.lastHeartbeatAt).toBeGreaterThan(0);
      const generation = first.generation;
      const second = await join(two, 'two');
      await eventually(() => {
        expect(owned.one).toHaveLength(3);
        expect(owned.two).toHaveLength(3);
      }, harness.rebalanceMs);
      expect(new Set([...(owned.one ?? []), ...(owned.two ?? [])]).size).toBe(6);
      expect(first.generation).toBeGreaterThan(generation);
      const heartbeatAt = second.lastHeartbeatAt;
      await eventually(() => expect(second.lastHeartbeatAt).toBeGreaterThan(heartbeatAt));
      first.commit(new Map([[p(0), at(0)]]));
      await first.leave();
      await eventually(() => expect(owned.two).toEqual([0, 1, 2, 3, 4, 5]), harness.rebalanceMs);
      await second.leave();
    });

    test('tells of a rebalance while a batch is being handled, and hands over nothing of what was released', async () => {
      const topic = await newTopic(2);
      for (const partition of [p(0), p(1)]) await appendAll(topic, partition, ['a', 'b']);
      const [one, two] = await Promise.all([open('slow'), open('other')]);
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
      await eventually(() => expect(handling.size).toBe(2), harness.rebalanceMs);
      const other = work('other', two);
      await other.joining;
      await eventually(() => expect(owned.other).toHaveLength(1), harness.rebalanceMs);
      await eventually(() => expect(owned.slow).toHaveLength(1));
      const [lost] = owned.other as [Partition];
      const [kept] = owned.slow as [Partition];
      await eventually(() => expect(seen.other).toEqual([`${lost}a`, `${lost}b`]));
      held.resolve();
      for (const partition of [lost, kept]) await appendAll(topic, partition, ['c']);
      await eventually(() => expect(seen.slow).toContain(`${kept}c`));
      await eventually(() => expect(seen.other).toEqual([`${lost}a`, `${lost}b`, `${lost}c`]));
      expect(seen.slow).not.toContain(`${lost}c`);
      await Promise.all([one.close(), two.close()]);
    });

    test('closes while busy: everything that waits comes to its end, and nothing is called after', async () => {
      const topic = await newTopic(2);
      await appendAll(topic, p(0), ['a']);
      const handle = await open('busy');
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
        reader.readAll(handle, topic, p(0), 0, 1),
        handle.offsetsAt(topic, 0),
      ]);
      const closing = handle.close();
      held.resolve();
      await closing;
      const after = calls;
      const answers = await asked;
      for (const answer of answers)
        if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(RoomlogError);
      const outcomes = (await Promise.all(appends)).flat();
      expect(outcomes).toHaveLength(20);
      await appendAll(topic, p(1), ['later']);
      const appended = outcomes.filter(({ status }) => status === 'appended').length;
      expect(texts(await readAll(topic, p(1), 0, 100)).length).toBeGreaterThan(appended);
      expect(calls).toBe(after);
    });

    test('is reachable, and closes twice without complaint', async () => {
      const handle = await open('closing');
      const topic = await newTopic(1);
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
  });
}
