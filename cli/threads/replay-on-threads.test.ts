/** What replay prints, read from a log in memory; that several threads print the same is seen against a real stack (test/integration/cli.test.ts). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import { inboundEvent, MemoryStream } from '../../test/support/memory-stream.ts';
import { RunningSequencers, sound } from '../../test/support/running-sequencers.ts';
import { type ReplayOnThreads, replayOnThreads } from './replay-on-threads.ts';
import { errorOf, failureOf } from './thread.ts';

const EVENTS = 300;
const running = new RunningSequencers();
let stream: MemoryStream;

/** A millisecond further with each look. */
function ticking() {
  let now = 1_800_000_000_000;
  return { now: () => ++now, monotonic: () => performance.now() };
}

beforeAll(async () => {
  stream = new MemoryStream({ partitions: 3, clock: ticking(), sequencer: { batchBytes: 2_000 } });
  await running.start(stream, 'a');
  for (let n = 0; n < EVENTS; n++) {
    stream.publish(inboundEvent({ room: `room-${n % 7}`, data: Buffer.from(`"ünïcode ${n}"`) }));
  }
  await sound(stream);
});
afterAll(() => running.stopAll());

interface Line {
  readonly room: string;
  readonly time: number;
  readonly data: string;
}

async function printed(options: Partial<ReplayOnThreads> & { readonly room?: string } = {}) {
  const { room = null, ...rest } = options;
  const { codec, config } = stream;
  let text = '';
  const summary = await replayOnThreads({
    setting: { config, room: room as RoomId | null, pattern: undefined, from: { kind: 'start' }, format: 'json' },
    threads: [],
    log: stream.cluster.open('replay'),
    codec,
    schemas: { known: () => undefined, load: () => Promise.reject(new RoomlogError('schema_not_found')) },
    toMs: Number.POSITIVE_INFINITY,
    count: Number.POSITIVE_INFINITY,
    print: async (lines) => {
      text += Buffer.from(lines).toString('utf8');
    },
    ...rest,
  });
  const lines = text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line);
  expect(summary).toEqual({ events: lines.length, bytes: Buffer.byteLength(text) });
  return lines;
}

describe('what replay prints', () => {
  test('is every event once, as whole lines, in the order of time', async () => {
    const lines = await printed();
    expect(new Set(lines.map(({ data }) => data)).size).toBe(EVENTS);
    expect(lines).toHaveLength(EVENTS);
    const times = lines.map(({ time }) => time);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  test('ends after as many as were asked for', async () => {
    const all = await printed();
    for (const count of [1, 17, EVENTS]) expect(await printed({ count })).toEqual(all.slice(0, count));
    // A room's events lie in one partition: they come in long runs, which are cut.
    const room = 'room-3';
    expect(await printed({ room, count: 5 })).toEqual((await printed({ room })).slice(0, 5));
  });

  test('ends before the first event that is later than asked for', async () => {
    const all = await printed();
    const toMs = all[100]?.time as number;
    expect(await printed({ toMs })).toEqual(all.filter(({ time }) => time <= toMs));
    expect(await printed({ toMs: 0 })).toEqual([]);
  });

  test('is one room’s events where one is named', async () => {
    const lines = await printed({ room: 'room-3' });
    expect(new Set(lines.map(({ room }) => room))).toEqual(new Set(['room-3']));
    expect(lines).toHaveLength(Math.ceil((EVENTS - 3) / 7));
  });
});

test('what takes many batches of several partitions is whole as well', async () => {
  const large = new MemoryStream({ partitions: 3, clock: ticking(), sequencer: { batchBytes: 200_000 } });
  await running.start(large, 'b');
  const many = 120;
  // Every other event fills a fifth of a batch; those between them, of another partition, are all in one batch that is printed little by little.
  const roomIn = (partition: number) =>
    Array.from({ length: 100 }, (_, n) => `room-${n}` as RoomId).find((room) => partitionOf(room, 3) === partition);
  const text = (n: number) => `${n} `.repeat(n % 2 === 0 ? 25_000 : 1);
  for (let n = 0; n < many; n++) {
    large.publish(inboundEvent({ room: roomIn(n % 2) as RoomId, data: Buffer.from(JSON.stringify(text(n))) }));
  }
  await sound(large);
  const small = stream;
  stream = large;
  try {
    const printedTexts = (await printed()).map(({ data }) => data);
    expect(printedTexts.sort()).toEqual(Array.from({ length: many }, (_, n) => text(n)).sort());
  } finally {
    stream = small;
  }
});

test('an error keeps its code and details on its way out of a thread', () => {
  const thrown = new RoomlogError('offset_out_of_range', 'gone', { details: { start: 5 } });
  const passed = errorOf(structuredClone(failureOf(thrown)));
  expect(passed).toBeInstanceOf(RoomlogError);
  expect(passed).toMatchObject({ code: 'offset_out_of_range', message: 'gone', details: { start: 5 } });
  expect(errorOf(failureOf(new TypeError('ours')))).not.toBeInstanceOf(RoomlogError);
});
