/** `roomlog verify` against real Kafka: what sequencers wrote through kills is sound; what was forged is named, with its offset. */
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Epoch, Offset, Partition } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import { ROOMLOG, run } from '../support/command.ts';
import { inboundEvent, session } from '../support/memory-stream.ts';
import { RealStream } from '../support/real-stream.ts';
import { stack, stateDir } from '../support/stack.ts';

const PARTITIONS = 3;
const ROOMS = 9;
const PUBS = 60;

interface Summary {
  readonly sound: boolean;
  readonly compared: number;
  readonly events: number;
  readonly rooms: number;
  readonly stale: number;
  readonly repeats: number;
  readonly lag: number;
  readonly answers: Readonly<Record<string, number>>;
  readonly letters: Readonly<Record<string, number>>;
  readonly recordsPerSecond: number;
  readonly peakMemoryBytes: number;
  readonly partitions: ReadonlyArray<{
    readonly partition: number;
    readonly streamId: string | null;
    readonly fenced: ReadonlyArray<{ epoch: number; fencedBy: number | null; records: number; first: number }>;
  }>;
  readonly findings: {
    readonly total: number;
    readonly byKind: Readonly<Record<string, number>>;
    readonly listed: ReadonlyArray<{
      kind: string;
      partition: number;
      inbound: number | null;
      outbound: number | null;
    }>;
  };
}

let stream: RealStream;
beforeEach(async () => {
  stream = await RealStream.create(stack(), `verify-${randomUUID().slice(0, 8)}`, PARTITIONS);
}, 60_000);
afterEach(() => stream.close());

async function verify(...args: string[]): Promise<{ code: number | null; summary: Summary; stderr: string }> {
  const { prefix } = stream.config.stream;
  const where = ['--state-dir', stateDir(), '--stream-prefix', prefix, '--stream-partitions', `${PARTITIONS}`];
  const { code, stdout, stderr } = await run(ROOMLOG, ['verify', ...args, ...where, '-o', 'json']);
  if (stdout === '') throw new Error(`no summary: ${stderr}`);
  return { code, summary: JSON.parse(stdout) as Summary, stderr };
}

const room = (number: number): string => `room-${number}`;
const p = (number: number): Partition => number as Partition;

/** Traffic through a killed sequencer, with repeats, a refusal, and poison. */
async function traffic(): Promise<void> {
  const first = await stream.sequencer('a');
  await first.ready();
  const id = session();
  const round = (pub: number) =>
    Array.from({ length: ROOMS }, (_, n) =>
      inboundEvent({ room: room(n), session: id, pub, data: Buffer.from(`${pub}`) }),
    );
  for (let pub = 1; pub <= PUBS / 2; pub++) await stream.publish(...round(pub));
  const dies = first.end('SIGKILL');
  for (let pub = PUBS / 2 + 1; pub <= PUBS; pub++) await stream.publish(...round(pub));
  await dies;
  await stream.publish(...round(PUBS), ...round(PUBS + 5));
  const key = Buffer.from(room(0));
  await stream.write(partitionOf(key, PARTITIONS), key, Buffer.from('no avro'));
  await (await stream.sequencer('b')).ready();
  await stream.sound();
}

/** Appends to outbound with a stock producer, as nobody but a sequencer should be able to. */
async function forge(partition: Partition, record: OutboundRecord): Promise<Offset> {
  const kafka = new Kafka({ brokers: [...stream.config.kafka.brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  try {
    const value = stream.codec.encodeOutbound(record);
    const [sent] = await producer.send({ topic: stream.topics.outbound, messages: [{ partition, value }] });
    return Number(sent?.baseOffset) as Offset;
  } finally {
    await producer.disconnect();
  }
}

test('sound through a killed sequencer; a zombie’s record is counted as fenced; a hole in the chain is a finding', async () => {
  await traffic();
  const total = ROOMS * (PUBS + 2) + 1;
  const before = await verify();
  expect(before.summary.findings.listed).toEqual([]);
  expect(before.code).toBe(0);
  expect(before.summary).toMatchObject({
    sound: true,
    compared: total,
    events: ROOMS * PUBS,
    rooms: ROOMS,
    lag: 0,
    answers: { duplicate: ROOMS, out_of_order: ROOMS, poison: 1 },
    letters: { bad_avro: 1 },
  });
  expect(new Set(before.summary.partitions.map(({ streamId }) => streamId)).size).toBe(1);
  expect(before.summary.peakMemoryBytes).toBeGreaterThan(0);

  const here = partitionOf(Buffer.from(room(0)), PARTITIONS);
  const { accepted } = await stream.judge(here);
  const newest = accepted.at(-1) as OutboundRecord;
  const oldest = accepted[0] as OutboundRecord;
  // Of the killed one: written after another claimed.
  expect(oldest.epoch).toBeLessThan(newest.epoch);
  const next = { inbound: (newest.inbound + 1) as Offset, prevInbound: newest.inbound };
  const zombie = await forge(here, { ...oldest, ...next });
  const fenced = await verify('--partition', `${here}`);
  expect(fenced.code).toBe(0);
  expect(fenced.summary.stale).toBe(before.summary.partitions[here]?.fenced.reduce((n, one) => n + one.records, 1));
  const fences = fenced.summary.partitions[0]?.fenced ?? [];
  const [fence] = fences.filter(({ epoch }) => epoch === oldest.epoch);
  expect(fence?.records).toBeGreaterThanOrEqual(1);
  expect(fence?.fencedBy).toBeGreaterThan(oldest.epoch);
  expect(fence?.fencedBy).toBeLessThanOrEqual(newest.epoch);
  expect(fence?.first).toBeLessThanOrEqual(zombie);

  // One room of it.
  const one = await verify('--room', room(1));
  expect(one).toMatchObject({ code: 0, summary: { events: PUBS, rooms: 1 } });

  await stream.endAll();
  const gap = await forge(here, {
    ...newest,
    inbound: (newest.inbound + 9) as Offset,
    prevInbound: (newest.inbound + 5) as Offset,
  });
  const broken = await verify();
  expect(broken.code).toBe(1);
  expect(broken.summary.findings.byKind).toEqual({ chain_gap: 1 });
  expect(broken.summary.findings.listed).toEqual([
    expect.objectContaining({ kind: 'chain_gap', partition: here, outbound: gap, inbound: newest.inbound + 9 }),
  ]);
  const text = await run(ROOMLOG, [
    'verify',
    ...['--state-dir', stateDir(), '--stream-prefix', stream.config.stream.prefix],
    ...['--stream-partitions', `${PARTITIONS}`, '--partition', `${here}`],
  ]);
  expect(text.code).toBe(1);
  expect(text.stdout).toContain(`chain_gap in partition ${here}, inbound ${newest.inbound + 9}, outbound ${gap}`);
  expect(text.stdout).toContain('NOT SOUND: 1 findings');
}, 120_000);

test('an event that says other than asked is found; what waits is a lag; a time range is checked from a claim', async () => {
  const sequencer = await stream.sequencer('a');
  await sequencer.ready();
  await stream.publish(...Array.from({ length: 20 }, () => inboundEvent({ room: room(0) })));
  await stream.sound();
  await sequencer.end('SIGTERM');
  const here = partitionOf(Buffer.from(room(0)), PARTITIONS);
  const elsewhere = p((here + 1) % PARTITIONS);
  const newest = (await stream.judge(here)).accepted.at(-1) as OutboundRecord;
  await stream.publish(inboundEvent({ room: room(0) }), inboundEvent({ room: room(0) }));
  const waits = await verify();
  expect(waits).toMatchObject({ code: 0, summary: { lag: 2 } });
  const ranged = await verify('--from', `time:${new Date(newest.inboundTime).toISOString()}`);
  expect(ranged).toMatchObject({ code: 0, summary: { lag: 2, events: 20 } });
  const past = await verify('--to', 'time:2001-01-01T00:00:00Z');
  expect(past).toMatchObject({ code: 0, summary: { events: 0 } });

  const { event } = newest;
  if (event === null) throw new Error('the newest record is an event');
  const header = { epoch: newest.epoch as Epoch, prevInbound: newest.inbound, inbound: (newest.inbound + 1) as Offset };
  const at = await forge(here, {
    ...newest,
    ...header,
    event: { ...event, seq: (event.seq + 1) as typeof event.seq, user: 'mallory' as typeof event.user },
  });
  const forged = await verify();
  expect(forged.code).toBe(1);
  expect(forged.summary.lag).toBe(1);
  expect(
    forged.summary.findings.listed.map(({ kind, partition, outbound }) => ({ kind, partition, outbound })),
  ).toEqual(expect.arrayContaining([{ kind: 'content_mismatch', partition: here, outbound: at }]));
  expect(await verify('--partition', `${elsewhere}`)).toMatchObject({ code: 0 });
  // None is listed, all are counted.
  const counted = await verify('--findings', '0');
  expect(counted).toMatchObject({
    code: 1,
    summary: { findings: { listed: [], total: forged.summary.findings.total } },
  });
}, 120_000);

test('unreachable is 3, a wrong command line 2', async () => {
  const nowhere = await run(ROOMLOG, ['verify', '--state-dir', '/nonexistent', '--kafka-brokers', '127.0.0.1:1']);
  expect(nowhere.code).toBe(3);
  for (const wrong of [
    ['--room', 'a', '--partition', '1'],
    ['--from', 'yesterday'],
    ['--to', 'start'],
    ['--partition', '99'],
    ['--findings', 'many'],
  ]) {
    const { code, stderr } = await run(ROOMLOG, ['verify', '--state-dir', stateDir(), ...wrong]);
    expect({ wrong, code, stderr }).toMatchObject({ code: 2 });
  }
}, 60_000);
