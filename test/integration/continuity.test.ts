/** Inbound lost to retention, recreated, rewound, on real Kafka under real processes; `roomlog repair skip` lets them go on. */
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureTopics } from '../../adapters/kafka/topics.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { type CommandResult, ROOMLOG, run } from '../support/command.ts';
import { inboundEvent, session } from '../support/memory-stream.ts';
import { RealStream, type SequencerProcess } from '../support/real-stream.ts';
import { stack, stateDir } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const PARTITIONS = 2;
const PER_PARTITION = 30;

let stream: RealStream;
beforeEach(async () => {
  stream = await RealStream.create(stack(), `continuity-${randomUUID().slice(0, 8)}`, PARTITIONS);
}, 120_000);
afterEach(() => stream.close());

const partitions = [0, 1] as Partition[];
/** One room in each partition. */
const rooms = partitions.map(
  (partition) =>
    ['a', 'b', 'c', 'd', 'e', 'f'].find((room) => partitionOf(Buffer.from(room), PARTITIONS) === partition) ?? '',
);
const publish = (count: number): Promise<void> =>
  stream.publish(...Array.from({ length: count }, () => rooms.map((room) => inboundEvent({ room }))).flat());

async function withAdmin<T>(work: (admin: ReturnType<Kafka['admin']>) => Promise<T>): Promise<T> {
  const kafka = new Kafka({ brokers: [...stream.config.kafka.brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** As an operator would by mistake, or after the loss of a cluster. */
async function recreateInbound(): Promise<void> {
  await withAdmin(async (admin) => {
    await admin.deleteTopics({ topics: [stream.topics.inbound] });
    await waitFor(async () => !(await admin.listTopics()).includes(stream.topics.inbound));
  });
  await waitFor(async () => {
    const { created } = await ensureTopics(stream.config, silentLog);
    return created.includes(stream.topics.inbound);
  });
}

const halted = (sequencer: SequencerProcess, code: string): Promise<unknown> =>
  waitFor(
    async () => {
      const { partitions: found } = await sequencer.health();
      return (
        found.length === PARTITIONS && found.every(({ state, error }) => state === 'halted' && error?.code === code)
      );
    },
    { withinMs: 20_000, what: `both partitions halted with ${code}` },
  );

function roomlog(...args: string[]): Promise<CommandResult> {
  const { prefix } = stream.config.stream;
  const where = ['--state-dir', stateDir(), '--stream-prefix', prefix, '--stream-partitions', `${PARTITIONS}`];
  return run(ROOMLOG, [...args, ...where]);
}

const skipped = (stdout: string) => stdout.split('\n').filter((line) => line.includes('skipped, by the record')).length;

/** Each partition's seqs are 1 … count, and every process says so. */
async function expectWhole(count: number): Promise<void> {
  await waitFor(async () => (await stream.judge(0 as Partition)).events.length === count, { withinMs: 20_000 });
  for (const partition of partitions) {
    await waitFor(async () => (await stream.judge(partition)).events.length === count, { withinMs: 20_000 });
    const { fault, events } = await stream.judge(partition);
    expect(fault).toBeNull();
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, n) => n + 1));
  }
}

async function expectSound(): Promise<void> {
  const { code, stdout } = await roomlog('verify');
  expect(stdout).toContain('sound: no finding');
  expect(code).toBe(0);
}

test('retention that is faster than sequencing: halted, shown, skipped, gone on, sound', async () => {
  const first = await stream.sequencer('a');
  await publish(PER_PARTITION);
  await expectWhole(PER_PARTITION);
  await first.end('SIGTERM');
  await publish(10);
  const before = new Map(partitions.map((partition) => [partition as Partition, PER_PARTITION + 4]));
  await stream.deleteRecords(stream.topics.inbound, before);
  const second = await stream.sequencer('b');
  await halted(second, 'input_lost');
  expect(second.output).toContain('repair skip');

  const shown = await roomlog('repair', 'skip', '--dry-run');
  expect(shown.code).toBe(0);
  expect(shown.stdout).toContain(`given up   inbound ${PER_PARTITION} to ${PER_PARTITION + 3}, 4 offsets`);
  expect(shown.stdout).toContain(`at inbound ${PER_PARTITION + 4}: 6 offsets wait there`);
  const unasked = await roomlog('repair', 'skip');
  expect(unasked.code).toBe(2);
  expect(unasked.stderr).toContain('--yes');
  expect(skipped((await roomlog('repair', 'skip', '--partition', '0', '--yes')).stdout)).toBe(1);
  expect(skipped((await roomlog('repair', 'skip', '--yes')).stdout)).toBe(1);
  await second.ready();
  await expectWhole(PER_PARTITION + 6);
  await expectSound();
  const nothing = await roomlog('repair', 'skip', '--yes');
  expect(nothing.code).toBe(1);
  expect(nothing.stderr).toContain('Nothing to skip.');
}, 120_000);

test.each([
  ['shorter than what was answered', 7],
  ['longer than what was answered', PER_PARTITION + 15],
])(
  'inbound recreated, %s: halted, skipped, sequenced from its start, sound',
  async (_, count) => {
    const first = await stream.sequencer('a');
    await publish(PER_PARTITION);
    await expectWhole(PER_PARTITION);
    await first.end('SIGTERM');
    await recreateInbound();
    await publish(count);
    const second = await stream.sequencer('b');
    await halted(second, 'inbound_replaced');
    const { code, stdout } = await roomlog('repair', 'skip', '--yes');
    expect(code).toBe(0);
    expect(stdout).toContain(`at inbound 0: ${count} offsets wait there`);
    expect(skipped(stdout)).toBe(PARTITIONS);
    await second.ready();
    await expectWhole(PER_PARTITION + count);
    // The next owner starts from the same log.
    await second.end('SIGTERM');
    await publish(3);
    await (await stream.sequencer('c')).ready();
    await expectWhole(PER_PARTITION + count + 3);
    await expectSound();
  },
  90_000,
);

test('inbound recreated under a running sequencer halts it too; sessions go on over the repair', async () => {
  const only = await stream.sequencer('a');
  await only.ready();
  const id = session();
  const [room = ''] = rooms;
  const numbered = (pub: number) => inboundEvent({ room, session: id, pub, data: Buffer.from(`${pub}`) });
  await publish(PER_PARTITION);
  await stream.publish(numbered(1), numbered(2));
  await stream.sound();
  await recreateInbound();
  await halted(only, 'inbound_replaced');
  await stream.publish(numbered(2), numbered(3));
  expect(skipped((await roomlog('repair', 'skip', '--yes')).stdout)).toBe(PARTITIONS);
  await only.ready();
  await waitFor(async () => (await stream.judge(0 as Partition)).events.length === PER_PARTITION + 3);
  const { events, accepted } = await stream.judge(0 as Partition);
  expect(events.slice(-3).map(({ pub }) => pub)).toEqual([1, 2, 3]);
  const [duplicate] = accepted.slice(-2);
  expect(duplicate?.answer).toMatchObject({ code: 'duplicate', seq: events.at(-2)?.seq as number });
  expect(accepted.at(-1)?.inbound).toBe(1 as Offset);
  await expectSound();
}, 120_000);
