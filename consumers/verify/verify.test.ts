/** The whole of verify over the memory log, with the production sequencer as the writer. */
import { afterEach, expect, test } from 'vitest';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import { RunningSequencers, sound, until } from '../../test/support/running-sequencers.ts';
import { diagnose } from '../repair/diagnosis.ts';
import { writeSkip } from '../repair/skip.ts';
import { type VerifyOptions, verify } from './verify.ts';

const running = new RunningSequencers();
afterEach(() => running.stopAll());

const START_MS = 1_800_000_000_000;
const STEP_MS = 5_000;
const ROOMS = 5;
const PARTITIONS = 2;

/** Each record five seconds after the one before it, with many claims between them; every 50th is poison. */
async function sequenced(count: number): Promise<MemoryStream> {
  let now = START_MS;
  const clock = { now: () => now, monotonic: () => performance.now() };
  const sequencer = { batchBytes: 1_000, claimEveryBytes: 2_000, sessionTimeoutMs: 5_000 };
  const stream = new MemoryStream({ partitions: PARTITIONS, clock, sequencer });
  const id = session(START_MS);
  await running.start(stream, 'a');
  for (let n = 0; n < count; n++) {
    // Outbound's own timestamps must not all be those of the end.
    if (n % 100 === 0) await sound(stream);
    now += STEP_MS;
    const room = `room-${n % ROOMS}`;
    const pub = Math.floor(n / ROOMS) + 1;
    stream.publish(inboundEvent({ room, session: id, pub, data: Buffer.from(`${n}`) }));
    if (n % 50 === 0)
      stream.write(partitionOf(Buffer.from(room), PARTITIONS), Buffer.from('no avro'), Buffer.from(room));
  }
  await sound(stream);
  await running.stopAll();
  return stream;
}

function verified(stream: MemoryStream, options: Partial<VerifyOptions> = {}) {
  const { codec, topics, config } = stream;
  return verify({
    log: stream.cluster.open('verify'),
    codec,
    topics,
    limits: config.sequencer,
    only: null,
    fromMs: null,
    toMs: null,
    listed: 20,
    letterPatienceMs: 100,
    ...options,
  });
}

const total = (counts: ReadonlyArray<number>) => counts.reduce((sum, count) => sum + count, 0);

test('what a sequencer wrote is sound, and progress is told', async () => {
  const stream = await sequenced(300);
  const progress: number[] = [];
  const { findings, partitions, records } = await verified(stream, {
    onProgress: (now) => progress.push(now.records),
  });
  expect(findings.listed).toEqual([]);
  expect(total(partitions.map(({ compared }) => compared))).toBe(306);
  expect(total(partitions.map(({ events }) => events))).toBe(300);
  expect(total(partitions.map(({ letters }) => letters.get('bad_avro') ?? 0))).toBe(6);
  expect(progress.at(-1)).toBe(records);
});

test('from a time it begins at a claim, and checks what follows', async () => {
  const stream = await sequenced(600);
  // Ten minutes before it are 120 records, and outbound is written in spurts of 100.
  const { findings, partitions } = await verified(stream, { fromMs: START_MS + 500 * STEP_MS });
  expect(findings.listed).toEqual([]);
  const compared = total(partitions.map((report) => report.compared));
  expect(compared).toBeLessThan(400);
  expect(compared).toBeGreaterThan(100);
  expect(partitions.every(({ checked }) => checked.from > 0)).toBe(true);
});

test('where the first outbound records were deleted it begins at the first claim retained', async () => {
  const stream = await sequenced(300);
  const partition = partitionOf('room-0' as RoomId, PARTITIONS);
  stream.cluster.trim(stream.topics.outbound, partition, 40 as Offset);
  const { findings, partitions } = await verified(stream, { only: { room: 'room-0' as RoomId } });
  expect(findings.listed).toEqual([]);
  expect(partitions).toHaveLength(1);
  expect(partitions[0]?.checked.from).toBeGreaterThan(0);
  expect(partitions[0]?.rooms).toBe(1);
});

test('bytes in outbound that are no record are a finding with their offset', async () => {
  const stream = await sequenced(50);
  const at = stream.cluster.write(stream.topics.outbound, 1 as Partition, { value: Buffer.from('rubbish') });
  const { findings } = await verified(stream);
  expect(findings.listed).toEqual([
    expect.objectContaining({ kind: 'corrupt_record', partition: 1, outbound: at, inbound: null }),
  ]);
});

/** The log, with the dead letters out of sight as long as `hidden` says so. */
function withoutLetters(stream: MemoryStream, hidden: () => boolean): EventLog {
  const log = stream.cluster.open('verify');
  const ranges: EventLog['ranges'] = async (topic, partitions) => {
    const found = await log.ranges(topic, partitions);
    if (topic !== stream.topics.deadletter || !hidden()) return found;
    return new Map([...found].map(([partition, { start }]) => [partition, { start, end: start }]));
  };
  return new Proxy(log, {
    get: (target, name) => {
      if (name === 'ranges') return ranges;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

test('a dead letter that comes late is waited for; one that does not come is a finding', async () => {
  const stream = await sequenced(100);
  let looks = 0;
  const late = withoutLetters(stream, () => {
    looks++;
    return looks < 4;
  });
  expect((await verified(stream, { log: late, letterPatienceMs: 5_000 })).findings.listed).toEqual([]);
  const never = await verified(stream, { log: withoutLetters(stream, () => true) });
  expect(Object.fromEntries(never.findings.counts)).toEqual({ letter_missing: 2 });
});

test('dead letters past retention are no finding', async () => {
  const stream = await sequenced(100);
  const partition = partitionOf('room-0' as RoomId, PARTITIONS);
  const { deadletter } = stream.topics;
  const end = stream.cluster.records(deadletter, partition).length;
  stream.cluster.trim(deadletter, partition, end as Offset);
  expect((await verified(stream)).findings.listed).toEqual([]);
});

test('partitions of different streams are told apart', async () => {
  const stream = await sequenced(20);
  const elsewhere = await sequenced(20);
  for (const { value } of elsewhere.cluster.records(stream.topics.outbound, 1 as Partition).slice(0, 1)) {
    stream.cluster.write(stream.topics.outbound, 1 as Partition, { value });
  }
  expect([...(await verified(stream)).findings.counts.keys()]).toEqual(['stream_conflict']);
});

test('canaries are counted by themselves, not among the answers, and never compared in vain', async () => {
  const stream = new MemoryStream({ partitions: PARTITIONS, sequencer: { canaryIntervalMs: 50 } });
  await running.start(stream, 'a');
  for (let n = 0; n < 20; n++) stream.publish(inboundEvent({ room: `room-${n % ROOMS}` }));
  await until(() => {
    for (const number of [0, 1])
      expect(stream.cluster.partition(stream.topics.outbound, number as Partition).end).toBeGreaterThan(15);
  });
  await running.stopAll();
  await sound(stream);
  const { findings, partitions } = await verified(stream);
  expect(findings.listed).toEqual([]);
  expect(total(partitions.map(({ events }) => events))).toBe(20);
  expect(partitions.map(({ answers }) => answers.size)).toEqual([0, 0]);
  expect(total(partitions.map(({ canaries }) => canaries))).toBe(
    total(partitions.map(({ compared }) => compared)) - 20,
  );
  for (const { canaries } of partitions) expect(canaries).toBeGreaterThan(0);
});

/** As `roomlog repair skip` does it. */
async function repair(stream: MemoryStream): Promise<void> {
  const { codec, topics, partitions } = stream;
  const source = { log: stream.cluster.open('operator'), codec, topics };
  for (let number = 0; number < partitions; number++) {
    const diagnosis = await diagnose(source, number as Partition);
    if (diagnosis.kind !== 'skip') throw new Error(`nothing to skip: ${diagnosis.why}`);
    const options = { ...source, partitions, random: (bytes: number) => Buffer.alloc(bytes, 200 + number) };
    expect((await writeSkip(options, diagnosis.plan, diagnosis.folded)).kind).toBe('skipped');
  }
}

async function goOn(stream: MemoryStream, answered: number): Promise<void> {
  await running.start(stream, 'again');
  await until(() => {
    const all = [0, 1].map((number) => stream.judge(number as Partition).accepted.length);
    expect(total(all)).toBe(answered);
  });
  await running.stopAll();
}

test('an inbound that was recreated and repaired is sound: what stands there now is compared, what it replaced is not', async () => {
  const stream = await sequenced(100);
  stream.cluster.createTopic(stream.topics.inbound, PARTITIONS);
  for (let n = 0; n < 60; n++) stream.publish(inboundEvent({ room: `room-${n % ROOMS}`, key: `after-${n}` }));
  for (const room of ['room-0', 'room-1', 'room-2']) {
    stream.write(partitionOf(Buffer.from(room), PARTITIONS), Buffer.from('no avro'), Buffer.from(room));
  }
  const before = await verified(stream);
  expect(before.findings.counts.get('time_mismatch')).toBeGreaterThan(0);
  await repair(stream);
  await goOn(stream, 102 + PARTITIONS + 63);
  const { findings, partitions } = await verified(stream);
  expect(findings.listed).toEqual([]);
  expect(total(partitions.map(({ compared }) => compared))).toBe(63);
  expect(total(partitions.map(({ notRetained }) => notRetained))).toBe(102);
  expect(total(partitions.map(({ letters }) => letters.get('bad_avro') ?? 0))).toBe(5);
  expect(partitions.map(({ skips }) => skips.map(({ reason, next }) => ({ reason, next })))).toEqual([
    [{ reason: 'inbound_replaced', next: 0 }],
    [{ reason: 'inbound_replaced', next: 0 }],
  ]);
  // Up to a time before the skip: what explains the difference stands behind it.
  expect((await verified(stream, { toMs: START_MS + 50 * STEP_MS })).findings.listed).toEqual([]);
});

test('what an operator gave up is counted, and no finding', async () => {
  const stream = await sequenced(100);
  const answered = [0, 1].map((number) => stream.cluster.partition(stream.topics.inbound, number as Partition).end);
  for (let n = 0; n < 60; n++) stream.publish(inboundEvent({ room: `room-${n % ROOMS}` }));
  for (const number of [0, 1]) {
    const start = ((answered[number] ?? 0) + 4) as Offset;
    stream.cluster.trim(stream.topics.inbound, number as Partition, start);
  }
  expect((await verified(stream)).findings.counts.get('input_lost')).toBe(2);
  await repair(stream);
  await goOn(stream, 102 + PARTITIONS + 60 - 8);
  const { findings, partitions } = await verified(stream);
  expect(findings.listed).toEqual([]);
  expect(partitions.map(({ skipped }) => skipped)).toEqual([4, 4]);
});
