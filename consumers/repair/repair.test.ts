/** Inbound lost, recreated or rewound under real sequencers over the memory log, and what the command that repairs makes of it. */
import { afterEach, expect, test } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import { answered, foreignClaim, later, Operator, p0, publish, running } from '../../test/support/repaired-stream.ts';
import { ready, sound, until } from '../../test/support/running-sequencers.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';

afterEach(() => running.stopAll());

const haltedWith = (sequencer: Sequencer, code: string) =>
  until(() => expect(sequencer.report().partitions[0]).toMatchObject({ state: 'halted', error: { code } }));

/** Inbound offsets in the order in which they were answered, skips left out. */
const answers = (stream: MemoryStream) =>
  stream
    .judge(p0)
    .accepted.filter(({ skipped }) => skipped === null)
    .map(({ inbound }) => inbound);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
/** Every room's seqs are 1, 2, 3, … in the log as it is folded. */
function expectWholeRooms(stream: MemoryStream): void {
  const { fault, events } = stream.judge(p0);
  expect(fault).toBeNull();
  for (const room of new Set(events.map((event) => event.room))) {
    const seqs = events.filter((event) => event.room === room).map(({ seq }) => seq);
    expect(seqs).toEqual(range(1, seqs.length));
  }
}

test('past what retention took a halted sequencer goes on, and the log says what was given up', async () => {
  const stream = await answered(40);
  publish(stream, 8);
  stream.cluster.trim(stream.topics.inbound, p0, 43 as Offset);
  const a = await running.start(stream, 'a');
  await haltedWith(a, 'input_lost');
  const operator = new Operator(stream);
  expect((await operator.plan()).plan).toMatchObject({ reason: 'input_lost', from: 40, to: 42, next: 43 });
  expect((await operator.skip()).kind).toBe('skipped');
  await ready(a);
  await until(() => expect(answers(stream)).toEqual([...range(0, 39), ...range(43, 47)]));
  const skips = stream.judge(p0).accepted.filter(({ skipped }) => skipped !== null);
  expect(skips.map(({ skipped }) => skipped)).toEqual([{ from: 40, to: 42, reason: 'input_lost' }]);
  expectWholeRooms(stream);
  expect((await operator.diagnose()).kind).toBe('sound');
});

test('a recreated inbound that is shorter is sequenced from its start, rooms go on with their numbers', async () => {
  const stream = await answered(40);
  stream.cluster.createTopic(stream.topics.inbound, 1);
  publish(stream, 10);
  const a = await running.start(stream, 'a');
  await haltedWith(a, 'inbound_replaced');
  const operator = new Operator(stream);
  expect((await operator.plan()).plan).toMatchObject({ reason: 'inbound_replaced', from: 40, to: 39, next: 0 });
  expect((await operator.skip()).kind).toBe('skipped');
  await ready(a);
  publish(stream, 3);
  await until(() => expect(answers(stream)).toEqual([...range(0, 39), ...range(0, 12)]));
  expectWholeRooms(stream);
  // Whoever takes over later starts from the same log.
  await a.stop();
  publish(stream, 3);
  await ready(await running.start(stream, 'b'));
  await until(() => expect(answers(stream)).toEqual([...range(0, 39), ...range(0, 15)]));
}, 20_000);

test('a recreated inbound that is longer than what was answered is sequenced from its start too', async () => {
  const stream = await answered(20);
  stream.cluster.createTopic(stream.topics.inbound, 1);
  publish(stream, 60);
  const a = await running.start(stream, 'a');
  await haltedWith(a, 'inbound_replaced');
  expect((await new Operator(stream).skip()).kind).toBe('skipped');
  await until(() => expect(answers(stream)).toEqual([...range(0, 19), ...range(0, 59)]));
  expectWholeRooms(stream);
});

test('of an inbound that lost its end nothing is sequenced twice, and what came since is', async () => {
  const stream = await answered(40);
  const inbound = stream.cluster.partition(stream.topics.inbound, p0);
  inbound.slots.splice(25);
  publish(stream, 5);
  const a = await running.start(stream, 'a');
  await haltedWith(a, 'inbound_replaced');
  const operator = new Operator(stream);
  expect((await operator.plan()).plan).toMatchObject({ reason: 'inbound_replaced', from: 40, to: 39, next: 25 });
  expect((await operator.skip()).kind).toBe('skipped');
  await until(() => expect(answers(stream)).toEqual([...range(0, 39), ...range(25, 29)]));
  expectWholeRooms(stream);
}, 20_000);

test('twice recreated, twice repaired', async () => {
  const stream = await answered(30);
  for (const count of [12, 7]) {
    stream.cluster.createTopic(stream.topics.inbound, 1);
    await later();
    publish(stream, count);
    expect((await new Operator(stream).skip()).kind).toBe('skipped');
    const one = await running.start(stream, `after-${count}`);
    await ready(one);
    await until(() => expect(stream.judge(p0).accepted.at(-1)?.inbound).toBe(count - 1));
    await one.stop();
    await later();
  }
  expect(answers(stream)).toEqual([...range(0, 29), ...range(0, 11), ...range(0, 6)]);
  expectWholeRooms(stream);
});

test('a session goes on over a recreated inbound: its repeats are duplicates, its next number is an event', async () => {
  const stream = new MemoryStream();
  const id = session();
  const numbered = (pub: number) => inboundEvent({ room: 'r', session: id, pub, data: Buffer.from(`${pub}`) });
  for (let pub = 1; pub <= 5; pub++) stream.publish(numbered(pub));
  const a = await running.start(stream, 'a');
  await sound(stream);
  await a.stop();
  stream.cluster.createTopic(stream.topics.inbound, 1);
  await later();
  for (const pub of [4, 5, 6]) stream.publish(numbered(pub));
  await new Operator(stream).skip();
  await ready(await running.start(stream, 'b'));
  await until(() => expect(stream.judge(p0).events.map(({ pub }) => pub)).toEqual([1, 2, 3, 4, 5, 6]));
  const codes = stream.judge(p0).accepted.flatMap(({ answer }) => (answer === null ? [] : [answer.code]));
  expect(codes).toEqual(['duplicate', 'duplicate']);
});

test('where outbound retains only a claim, what was answered is known from the snapshot', async () => {
  const stream = new MemoryStream({ sequencer: { snapshotEveryRecords: 5 } });
  publish(stream, 40);
  const a = await running.start(stream, 'a');
  await sound(stream);
  await until(() => expect(stream.cluster.records(stream.topics.snapshots, p0)).not.toEqual([]));
  await a.stop();
  const { outbound } = stream.topics;
  foreignClaim(stream);
  const end = stream.cluster.partition(outbound, p0).end;
  stream.cluster.createTopic(stream.topics.inbound, 1);
  await later();
  publish(stream, 6);
  const operator = new Operator(stream);
  const before = (await operator.plan()).plan;
  stream.cluster.trim(outbound, p0, (end - 1) as Offset);
  expect((await operator.plan()).plan).toEqual(before);
  expect((await operator.skip()).kind).toBe('skipped');
  const b = await running.start(stream, 'b');
  await ready(b);
  await until(() => expect(b.report().partitions[0]).toMatchObject({ state: 'processing', lastInbound: 5 }));
});

test('of an inbound that lost its end nothing is sequenced twice, also where outbound retains only a claim', async () => {
  const stream = new MemoryStream({ sequencer: { snapshotEveryRecords: 5 } });
  publish(stream, 40);
  const a = await running.start(stream, 'a');
  await sound(stream);
  await a.stop();
  await later();
  const { outbound } = stream.topics;
  foreignClaim(stream);
  const end = stream.cluster.partition(outbound, p0).end;
  stream.cluster.trim(outbound, p0, (end - 1) as Offset);
  stream.cluster.partition(stream.topics.inbound, p0).slots.splice(25);
  const operator = new Operator(stream);
  expect((await operator.plan()).plan).toMatchObject({ reason: 'inbound_replaced', next: 25 });
  publish(stream, 5);
  expect((await operator.plan()).plan).toMatchObject({ reason: 'inbound_replaced', next: 25 });
  expect((await operator.skip()).kind).toBe('skipped');
  const b = await running.start(stream, 'b');
  await ready(b);
  await until(() => expect(b.report().partitions[0]).toMatchObject({ state: 'processing', lastInbound: 29 }));
  const inbounds = stream.outbound(p0).flatMap(({ record }) => (record.event === null ? [] : [record.inbound]));
  expect(inbounds).toEqual(range(25, 29));
});

test('finds nothing to skip in a partition that works, or that nobody has claimed', async () => {
  const untouched = new Operator(new MemoryStream());
  expect(await untouched.diagnose()).toMatchObject({ kind: 'sound', why: expect.stringContaining('claimed') });
  const stream = await answered(10);
  publish(stream, 5);
  expect(await new Operator(stream).diagnose()).toMatchObject({ kind: 'sound', why: expect.stringContaining('10') });
  await ready(await running.start(stream, 'a'));
  await sound(stream);
  expect((await new Operator(stream).diagnose()).kind).toBe('sound');
});

test('says of an outbound that can not be folded that no skip helps', async () => {
  const stream = await answered(10);
  stream.cluster.write(stream.topics.outbound, p0, { value: Buffer.from('garbage') });
  expect(await new Operator(stream).diagnose()).toMatchObject({ kind: 'broken' });
});
