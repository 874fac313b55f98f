/** Sequencer processes that start from snapshots on real Kafka, with outbound's records deleted as retention deletes them. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadSnapshot } from '../../adapters/snapshots/load.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { inboundEvent, session } from '../support/memory-stream.ts';
import { RealStream } from '../support/real-stream.ts';
import { stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

const p0 = 0 as Partition;
const ROOMS = 40;
const NAME = 'room-of-the-test';
/** Rooms with long names beside them make snapshots of several requests. */
const BULK_ROOMS = 1_500;
const BULK_NAME = 'x'.repeat(180);

let stream: RealStream;
beforeEach(async () => {
  stream = await RealStream.create(stack(), `snap-${randomUUID().slice(0, 8)}`, 1);
}, 60_000);
afterEach(() => stream.close());

const roomName = (n: number): string => `${NAME}-${n}`;

/** One event to each room, by one session: the rooms' seqs and the session's numbers grow by one. */
function round(id: string, pub: number) {
  return Array.from({ length: ROOMS }, (_, n) =>
    inboundEvent({ room: roomName(n), session: id, pub, data: Buffer.from(`${pub}`) }),
  );
}

/** The newest seq of each room among the retained events, and the codes of answers. */
async function outbound(): Promise<{ seqs: Map<string, number>; answers: string[] }> {
  const seqs = new Map<string, number>();
  const answers: string[] = [];
  for (const { value } of await stream.records(stream.topics.outbound, p0)) {
    const record = stream.codec.decodeOutbound(value as Buffer);
    if ('unknownSchema' in record) throw new Error('unknown schema in outbound');
    if (record.event?.room.startsWith(NAME)) seqs.set(record.event.room, record.event.seq);
    if (record.answer !== null) answers.push(record.answer.code);
  }
  return { seqs, answers };
}

async function answered(seq: number): Promise<void> {
  await waitFor(
    async () => {
      const { seqs } = await outbound();
      return seqs.size === ROOMS && [...seqs.values()].every((found) => found === seq);
    },
    { what: `seq ${seq} in every room` },
  );
}

const newest = () =>
  loadSnapshot({
    log: stream.log,
    codec: stream.codec,
    topics: stream.topics,
    partition: p0,
    partitions: 1,
    parts: 'all',
    publishers: stream.config.sequencer,
    logger: silentLog,
  });

/** As retention does, at once. Everything, so that no record is left to learn from. */
async function deleteOutbound(): Promise<Offset> {
  const end = (await stream.log.ranges(stream.topics.outbound, [p0])).get(p0)?.end as Offset;
  await stream.deleteRecords(stream.topics.outbound, new Map([[p0, end]]));
  return end;
}

test('a room goes on with its next number, and a session with its own, when all of outbound was deleted, twice', async () => {
  const id = session();
  let pub = 0;
  for (const name of ['a', 'b', 'c']) {
    const sequencer = await stream.sequencer(name);
    await sequencer.ready();
    await stream.publish(...round(id, ++pub), ...round(id, ++pub));
    await answered(pub);
    if (name !== 'a') expect((await outbound()).answers).toEqual([]);
    // A repeat of what was deleted is still a repeat.
    await stream.publish(...round(id, 1));
    await waitFor(async () => (await outbound()).answers.filter((code) => code === 'duplicate').length === ROOMS);
    await sequencer.end('SIGTERM');
    const end = await deleteOutbound();
    expect((await newest())?.mark).toMatchObject({ offset: end, lastInbound: pub * ROOMS + (pub / 2) * ROOMS - 1 });
  }
}, 90_000);

test('one killed while it writes a snapshot leaves an older one or a new one, never half of one', async () => {
  const id = session();
  await stream.publish(
    ...Array.from({ length: BULK_ROOMS }, (_, n) =>
      inboundEvent({ room: `${BULK_NAME}-${n}`, data: Buffer.from('1') }),
    ),
  );
  // Nearly always there is one on its way.
  const settings = { ROOMLOG_SEQUENCER_SNAPSHOT_EVERY_RECORDS: '10' };
  let pub = 0;
  for (const name of ['a', 'b']) {
    const sequencer = await stream.sequencer(name, settings);
    await sequencer.ready();
    const { length } = await stream.records(stream.topics.snapshots, p0);
    await stream.publish(...round(id, ++pub));
    await waitFor(async () => {
      await stream.publish(...round(id, ++pub));
      return (await stream.records(stream.topics.snapshots, p0)).length > length + 4;
    });
    await sequencer.end('SIGKILL');
    expect(await newest()).not.toBeNull();
  }
  const last = await stream.sequencer('c', settings);
  await last.ready();
  await answered(pub);
  await stream.sound();
}, 90_000);

test('a partition whose snapshots are lost with its records halts, and says what to do', async () => {
  const a = await stream.sequencer('a');
  await a.ready();
  await stream.publish(...round(session(), 1));
  await answered(1);
  await a.end('SIGKILL');
  const end = await deleteOutbound();
  const b = await stream.sequencer('b');
  await waitFor(async () => (await b.health()).partitions[0]?.state === 'halted', { withinMs: 20_000 });
  expect(b.output).toContain(`begins at ${end}`);
  expect(b.output).toContain('holds no usable snapshot');
  expect((await stream.log.ranges(stream.topics.outbound, [p0])).get(p0)?.end).toBe(end);
}, 60_000);
