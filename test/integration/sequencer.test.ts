/** Sequencer processes on real Kafka: sharing, dying, freezing, poison, a registry that is away, stock producers. */
import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import { inboundEvent, session } from '../support/memory-stream.ts';
import { RealStream, RegistryGate } from '../support/real-stream.ts';
import { stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const PARTITIONS = 4;
/** The whole way from a kill to the next sequenced record: the group's session time-out, the claim, the rebuild. */
const TAKEOVER_WITHIN_MS = 10_000;

let stream: RealStream;
beforeEach(async () => {
  stream = await RealStream.create(stack(), `seq-${randomUUID().slice(0, 8)}`, PARTITIONS);
}, 60_000);
afterEach(() => stream.close());

const rooms = Array.from({ length: 24 }, (_, n) => `room-${n}`);

/** Publishes `count` numbered events to each room. */
function numbered(id: string, from: number, count: number) {
  const events = [];
  for (let pub = from; pub < from + count; pub++) {
    for (const room of rooms)
      events.push(inboundEvent({ room, session: id, pub, data: Buffer.from(`"${room} ${pub}"`) }));
  }
  return events;
}

test('two share the partitions; when one is killed the other answers for all within 10 s, with no hole and no repeat', async () => {
  const [a, b] = await Promise.all([stream.sequencer('a'), stream.sequencer('b')]);
  await Promise.all([a.ready(), b.ready()]);
  await waitFor(async () => (await a.health()).owned.length === 2 && (await b.health()).owned.length === 2);
  const id = session();
  await stream.publish(...numbered(id, 1, 50));
  let pub = 51;
  const killed = a.end('SIGKILL');
  for (; pub <= 55; pub++) await stream.publish(...numbered(id, pub, 1));
  await killed;
  const diedAt = performance.now();
  for (; pub <= 60; pub++) await stream.publish(...numbered(id, pub, 1));
  await stream.sound(TAKEOVER_WITHIN_MS);
  expect(performance.now() - diedAt).toBeLessThan(TAKEOVER_WITHIN_MS);
  expect((await b.health()).owned).toHaveLength(PARTITIONS);
  // Re-sent as by clients that saw no answer: every one a duplicate.
  await stream.publish(...numbered(id, 30, 31));
  await stream.sound();
  const all = await Promise.all([0, 1, 2, 3].map((partition) => stream.judge(partition as Partition)));
  expect(all.reduce((sum, { events }) => sum + events.length, 0)).toBe(60 * rooms.length);
});

test('a stopped one hands over at once', async () => {
  const [a, b] = await Promise.all([stream.sequencer('a'), stream.sequencer('b')]);
  await Promise.all([a.ready(), b.ready()]);
  const id = session();
  await stream.publish(...numbered(id, 1, 20));
  const stoppedAt = performance.now();
  await a.end('SIGTERM');
  await stream.publish(...numbered(id, 21, 1));
  await stream.sound(3_000);
  expect(performance.now() - stoppedAt).toBeLessThan(4_000);
});

test('a frozen one that wakes up after the takeover changes nothing', async () => {
  const a = await stream.sequencer('a');
  await a.ready();
  const id = session();
  await stream.publish(...numbered(id, 1, 200));
  a.signal('SIGSTOP');
  const b = await stream.sequencer('b');
  await waitFor(async () => (await b.health()).owned.length === PARTITIONS, { withinMs: 20_000 });
  await stream.publish(...numbered(id, 201, 5));
  await stream.sound();
  a.signal('SIGCONT');
  await stream.publish(...numbered(id, 206, 5));
  // The woken one is a member again, so they share; neither may fight the other.
  await waitFor(async () => (await a.health()).owned.length === 2 && (await b.health()).owned.length === 2, {
    withinMs: 20_000,
  });
  await Promise.all([a.ready(), b.ready()]);
  await stream.publish(...numbered(id, 211, 5));
  await stream.sound();
});

test('poison leaves one dead letter each, and the partition goes on', async () => {
  const a = await stream.sequencer('a');
  await a.ready();
  const room = 'r';
  const key = Buffer.from(room);
  const here = partitionOf(key, PARTITIONS);
  const elsewhere = ((here + 1) % PARTITIONS) as Partition;
  await stream.publish(inboundEvent({ room }));
  const bad = [
    await stream.write(here, key, Buffer.from('no avro')),
    await stream.write(
      here,
      key,
      stream.codec.encodeInbound(inboundEvent({ room, data: Buffer.from('1},"user":"root"') })),
    ),
    await stream.write(here, null, null),
  ];
  const misplaced = await stream.write(elsewhere, key, stream.codec.encodeInbound(inboundEvent({ room })));
  await stream.publish(inboundEvent({ room }));
  await stream.sound();
  const { events } = await stream.judge(here);
  expect(events.map(({ seq }) => seq)).toEqual([1, 2]);
  expect(events.some(({ data }) => Buffer.from(data).includes('root'))).toBe(false);
  const expected = [
    `${here}/${bad[0]} bad_avro`,
    `${here}/${bad[1]} bad_json`,
    `${here}/${bad[2]} empty`,
    `${elsewhere}/${misplaced} wrong_partition`,
  ].sort();
  const written = async () =>
    (await stream.deadLetters()).map(({ partition, inbound, reason }) => `${partition}/${inbound} ${reason}`).sort();
  await waitFor(async () => (await written()).length === expected.length);
  expect(await written()).toEqual(expected);
  // The next owner looks for letters that are missing, and finds none.
  await a.end('SIGKILL');
  const b = await stream.sequencer('b');
  await waitFor(async () => (await b.health()).owned.length === PARTITIONS, { withinMs: 20_000 });
  await b.ready();
  expect(await written()).toEqual(expected);
});

test('with the registry away known schemas go on and unknown ones wait, none is dropped', async () => {
  const gate = await RegistryGate.before(stream.config.registry.url);
  try {
    const a = await stream.sequencer('a', { ROOMLOG_REGISTRY_URL: gate.url, ROOMLOG_SEQUENCER_SCHEMA_WAIT_MS: '500' });
    await a.ready();
    // A newer writer's schema: one more optional field. The registry gives it an id that this sequencer has not seen.
    const { id, text } = await registerNewer(stream);
    gate.isOpen = false;
    const room = 'r';
    const key = Buffer.from(room);
    const here = partitionOf(key, PARTITIONS);
    const other = rooms.find((name) => partitionOf(Buffer.from(name), PARTITIONS) !== here) ?? '';
    await stream.publish(inboundEvent({ room }));
    const { default: avsc } = await import('avsc');
    const body = avsc.Type.forSchema(JSON.parse(text)).toBuffer({
      ...inboundEvent({ room }),
      data: Buffer.from('"newer"'),
      note: null,
    });
    const header = Buffer.alloc(5);
    header.writeInt32BE(id, 1);
    await stream.write(here, key, Buffer.concat([header, body]));
    await stream.publish(inboundEvent({ room }), inboundEvent({ room: other }));
    await waitFor(async () => {
      const { partitions } = await a.health();
      return partitions.find(({ partition }) => partition === here)?.waitsFor === 'schema';
    });
    await waitFor(async () => (await stream.judge(partitionOf(Buffer.from(other), PARTITIONS))).events.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await stream.judge(here)).events).toHaveLength(1);
    gate.isOpen = true;
    await stream.sound();
    expect((await stream.judge(here)).events.map(({ data }) => `${data}`)).toEqual([
      '{"text":"hello"}',
      '"newer"',
      '{"text":"hello"}',
    ]);
  } finally {
    await gate.close();
  }
});

/** Registers the inbound schema with one more optional field, as a newer version of a producer would. */
async function registerNewer(of: RealStream): Promise<{ id: number; text: string }> {
  const subject = `${of.topics.inbound}-value`;
  const base = of.config.registry.url;
  const latest = (await (await fetch(`${base}/subjects/${subject}/versions/latest`)).json()) as { schema: string };
  const schema = JSON.parse(latest.schema);
  schema.fields.push({ name: 'note', type: ['null', 'string'], default: null });
  const text = JSON.stringify(schema);
  const answer = await fetch(`${base}/subjects/${subject}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: text, schemaType: 'AVRO' }),
  });
  const { id } = (await answer.json()) as { id: number };
  return { id, text };
}

test('a stock producer’s record is sequenced like any', async () => {
  await (await stream.sequencer('a')).ready();
  const kafka = new Kafka({ brokers: [...stream.config.kafka.brokers], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  try {
    const messages = rooms.map((room) => ({ key: room, value: stream.codec.encodeInbound(inboundEvent({ room })) }));
    await producer.send({ topic: stream.topics.inbound, messages });
  } finally {
    await producer.disconnect();
  }
  await stream.sound();
  const all = await Promise.all([0, 1, 2, 3].map((partition) => stream.judge(partition as Partition)));
  const sequenced = all.flatMap(({ events }) => events.map(({ room }) => room));
  expect(sequenced.sort()).toEqual([...rooms].sort());
});

test('refuses topics of another number of partitions, and says what to change', async () => {
  const wrong = await stream.sequencer('a', { ROOMLOG_STREAM_PARTITIONS: '5' });
  await waitFor(() => wrong.output.includes('partition_mismatch'), { withinMs: 20_000, what: 'partition_mismatch' });
});
