import { expect, test, vi } from 'vitest';
import type { Offset, Partition } from '../../core/ids.ts';
import { eventLogContract } from '../../test/contract/event-log.ts';
import { eventLogFaultContract } from '../../test/contract/event-log-faults.ts';
import { MemoryCluster, MemoryLog } from './memory-log.ts';

const p0 = 0 as Partition;
const value = (text: string) => ({ key: null, value: Buffer.from(text) });

eventLogContract('MemoryLog', async () => {
  const cluster = new MemoryCluster();
  return {
    open: async (clientId) => cluster.open(clientId),
    createTopic: async (topic, partitions) => cluster.createTopic(topic, partitions),
    trim: async (topic, partition, start) => cluster.trim(topic, partition, start),
    transaction: async (topic, partition) => {
      const { write, commit, abort } = cluster.transaction(topic, partition);
      return {
        write: async (...values) => {
          for (const text of values) write(value(text));
        },
        commit: async () => commit(),
        abort: async () => abort(),
      };
    },
    rebalanceMs: 1_000,
    close: async () => {},
  };
});

eventLogFaultContract('MemoryLog', async () => {
  const cluster = new MemoryCluster();
  return {
    open: async (clientId) => cluster.open(clientId),
    createTopic: async (topic, partitions) => cluster.createTopic(topic, partitions),
    loseAppendAnswers: (lose) => {
      cluster.onAppend = lose ? () => 'response_lost' : undefined;
    },
    // What clients see of it: for a moment nobody answers.
    moveLeader: async () => {
      cluster.unreachable = true;
      await new Promise((resolve) => setTimeout(resolve, 50));
      cluster.unreachable = false;
    },
  };
});

test('tells apart a lost request and a lost response only in the log', async () => {
  const log = new MemoryLog({ topics: ['t'] });
  log.cluster.onAppend = () => 'request_lost';
  expect((await log.append('t', [{ partition: p0, records: [value('a')] }]))[0]?.status).toBe('unknown');
  expect(log.cluster.records('t', p0)).toHaveLength(0);
  log.cluster.onAppend = () => 'response_lost';
  expect((await log.append('t', [{ partition: p0, records: [value('b')] }]))[0]?.status).toBe('unknown');
  expect(log.cluster.records('t', p0)).toHaveLength(1);
});

test('lets a held append arrive late', async () => {
  const log = new MemoryLog({ topics: ['t'] });
  const held = Promise.withResolvers<void>();
  log.cluster.onAppend = ({ clientId }) => (clientId === 'zombie' ? { hold: held.promise } : undefined);
  const late = log.cluster.open('zombie').append('t', [{ partition: p0, records: [value('late')] }]);
  await log.append('t', [{ partition: p0, records: [value('early')] }]);
  held.resolve();
  expect((await late)[0]).toMatchObject({ status: 'appended', baseOffset: 1 });
});

test('stamps with the given clock', async () => {
  let now = 5_000;
  const log = new MemoryLog({ topics: ['t'], clock: { now: () => now, monotonic: () => now } });
  await log.append('t', [{ partition: p0, records: [value('a')] }]);
  now = 4_000;
  await log.append('t', [{ partition: p0, records: [value('b')] }]);
  expect(log.cluster.records('t', p0).map((r) => r.timestamp)).toEqual([5_000, 4_000]);
});

test('stalls while unreachable and goes on without loss', async () => {
  const log = new MemoryLog({ topics: ['t'] });
  const seen: string[] = [];
  const stalls: Array<string | null> = [];
  const tail = log.tail({
    topic: 't',
    onRecords: (_, records) => void seen.push(...records.map((r) => String(r.value))),
    onError: () => {},
    onStall: (error) => void stalls.push(error?.code ?? null),
  });
  tail.assign(p0, 0 as Offset);
  log.cluster.write('t', p0, { value: Buffer.from('a') });
  await vi.waitFor(() => expect(seen).toEqual(['a']));
  log.cluster.unreachable = true;
  expect(log.reachable()).toBe(false);
  await expect(log.ranges('t')).rejects.toMatchObject({ code: 'kafka_unreachable' });
  await vi.waitFor(() => expect(stalls).toEqual(['kafka_unreachable']));
  log.cluster.unreachable = false;
  log.cluster.write('t', p0, { value: Buffer.from('b') });
  await vi.waitFor(() => expect(seen).toEqual(['a', 'b']));
  expect(stalls).toEqual(['kafka_unreachable', null]);
  await tail.stop();
});

test('evicts a frozen member without telling it', async () => {
  const cluster = new MemoryCluster({ topics: ['t'], partitions: 4 });
  const owned: Record<string, readonly number[]> = {};
  const join = (id: string) =>
    cluster.open(id).joinGroup({
      groupId: 'g',
      topic: 't',
      sessionTimeoutMs: 1,
      heartbeatIntervalMs: 1,
      rebalanceTimeoutMs: 1,
      onAssignment: (partitions) => {
        owned[id] = partitions;
      },
      onError: () => {},
    });
  const a = await join('a');
  await join('b');
  await vi.waitFor(() => expect(owned.b).toHaveLength(2));
  a.freeze();
  const last = a.lastHeartbeatAt;
  cluster.group('g', 't').evict('a', { tell: false });
  await vi.waitFor(() => expect(owned.b).toEqual([0, 1, 2, 3]));
  expect(owned.a).toHaveLength(2);
  expect(a.lastHeartbeatAt).toBe(last);
});

test('begins to read what was assigned while nobody answered, once somebody does', async () => {
  const log = new MemoryLog({ topics: ['t'] });
  log.cluster.write('t', p0, { value: Buffer.from('a') });
  const seen: string[] = [];
  const errors: string[] = [];
  const tail = log.tail({
    topic: 't',
    onRecords: (_, records) => void seen.push(...records.map((r) => String(r.value))),
    onError: (_, error) => void errors.push(error.code),
  });
  log.cluster.unreachable = true;
  tail.assign(p0, 0 as Offset);
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual([]);
  log.cluster.unreachable = false;
  await vi.waitFor(() => expect(seen).toEqual(['a']));
  expect(errors).toEqual([]);
});
