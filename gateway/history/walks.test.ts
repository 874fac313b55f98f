/** Finding a sparse room's events along their hints, in a log that is dense, long for its anchors, and not always to be trusted. */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { RoomStream } from '../stream.ts';
import { T0 } from '../tail/test-sequencer.fixture.ts';
import { TestSink } from '../tail/test-sink.fixture.ts';
import { joinRoom, until, World } from '../tail/world.fixture.ts';

let w: World;
afterEach(() => w.close());

/** So much data that no range is short, with an anchor every few records. */
const DENSE = 'x'.repeat(4_000);
const world = (more: ConstructorParameters<typeof World>[0] = {}): World =>
  new World({ gateway: { ringBytes: 1 }, anchors: { everyRecords: 10 }, ...more });

/** `sparse` has one event among each `between` of `dense`. */
function publishSparsely(events: number, between: number): void {
  for (let index = 0; index < events; index += 1) {
    w.publish('sparse', { index });
    w.publishMany('dense', between, { data: Buffer.from(JSON.stringify(DENSE)) });
  }
}

async function came(stream: RoomStream, start: Parameters<typeof joinRoom>[2], room = 'sparse'): Promise<TestSink> {
  const { sink } = await joinRoom(stream, room, start, new TestSink());
  await until(() => sink.of('live').length === 1 || sink.closed, 20_000);
  return sink;
}

/** Appends what a sequencer wrote once more, with the hint of its event changed. The fold takes the room's events as they were. */
function rehint(record: OutboundRecord, prev: number): OutboundRecord {
  return record.event === null ? record : { ...record, event: { ...record.event, prev: prev as Offset } };
}

describe('a sparse room', () => {
  it('is read along its hints: a small part of the log, whatever the join asks for', async () => {
    w = world();
    publishSparsely(6, 400);
    const stream = await w.openStream();
    const all = w.log.cluster
      .records('test.outbound', 0 as never)
      .reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    const cursors = (await came(stream, { kind: 'last', count: 6 })).of('event');
    expect(cursors.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    const after = await came(stream, { kind: 'after', cursor: cursors[2]?.cursor as string });
    expect(after.seqs()).toEqual([4, 5, 6]);
    expect(after.of('gap')).toEqual([]);
    const since = await came(stream, { kind: 'since', timeMs: cursors[3]?.time as number });
    expect(since.seqs()).toEqual([4, 5, 6]);
    expect((await came(stream, { kind: 'last', count: 2 })).seqs()).toEqual([5, 6]);
    expect((await came(stream, { kind: 'start' })).seqs()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(await w.metric('roomlog_history_bytes_read_total')).toBeLessThan(all / 4);
    expect(await w.metric('roomlog_history_walks_total')).toBeGreaterThan(0);
  });

  it('is walked once for all who are behind in it', async () => {
    w = world();
    publishSparsely(6, 400);
    const stream = await w.openStream();
    const [first] = (await came(stream, { kind: 'last', count: 6 })).of('event');
    const other = await w.openStream();
    const before = await w.metric('roomlog_history_walks_total');
    const cursor = first?.cursor as string;
    const sinks = await Promise.all(Array.from({ length: 50 }, () => came(other, { kind: 'after', cursor })));
    for (const sink of sinks) expect(sink.seqs()).toEqual([2, 3, 4, 5, 6]);
    expect((await w.metric('roomlog_history_walks_total')) - before).toBe(1);
    await came(other, { kind: 'after', cursor });
    expect((await w.metric('roomlog_history_walks_total')) - before).toBe(1);
  });

  it('that is dense is read as a whole', async () => {
    w = world();
    w.publishMany('a', 900, { data: Buffer.from(JSON.stringify(DENSE)) });
    const stream = await w.openStream();
    expect((await came(stream, { kind: 'start' }, 'a')).seqs()).toHaveLength(900);
    expect(await w.metric('roomlog_history_walks_total')).toBe(
      Number(/roomlog_history_walks_total\{outcome="dense"\} (\d+)/.exec(await w.metrics.render())?.[1]),
    );
  });
});

describe('a hint', () => {
  /** Five events of `sparse`; the newest hints at what `forge` says. */
  async function withHint(forge: (offsets: readonly Offset[]) => number): Promise<RoomStream> {
    w = world();
    const sequencer = w.of('sparse');
    const offsets: Offset[] = [];
    for (let index = 0; index < 5; index += 1) {
      const append = sequencer.append.bind(sequencer);
      if (index === 4) sequencer.append = (record) => append(rehint(record, forge(offsets)));
      offsets.push(w.publish('sparse', { index }).offset);
      sequencer.append = append;
      w.publishMany('dense', 400, { data: Buffer.from(JSON.stringify(DENSE)) });
    }
    return w.openStream();
  }
  const outcomes = async (): Promise<string[]> =>
    [...(await w.metrics.render()).matchAll(/roomlog_history_walks_total\{outcome="(\w+)"\} [1-9]/g)].map(
      ([, outcome]) => outcome as string,
    );

  it('that is older than it could be makes the range between be read', async () => {
    const stream = await withHint((offsets) => offsets[2] as number);
    expect((await came(stream, { kind: 'start' })).seqs()).toEqual([1, 2, 3, 4, 5]);
    expect(await outcomes()).toEqual(['found']);
  });

  it.each([
    ['at another room’s event', (offsets: readonly Offset[]) => (offsets[3] as number) + 1],
    ['at nothing', () => -1],
    ['at a claim', () => 0],
    ['ahead of the event', (offsets: readonly Offset[]) => (offsets[3] as number) + 5_000],
  ])('%s is refused, and everything is read', async (_, forge) => {
    const stream = await withHint(forge);
    expect((await came(stream, { kind: 'start' })).seqs()).toEqual([1, 2, 3, 4, 5]);
    expect(await outcomes()).toEqual(['refused']);
  });

  it('at what a zombie wrote, of the right room and seq, is refused', async () => {
    w = world();
    const sequencer = w.of('sparse');
    w.publish('sparse', { index: 0 });
    w.publishMany('dense', 400, { data: Buffer.from(JSON.stringify(DENSE)) });
    const { record } = w.publish('sparse', { index: 1 });
    w.publishMany('dense', 400, { data: Buffer.from(JSON.stringify(DENSE)) });
    // It lost the partition, and its answer of the same inbound record comes after the new owner's claim.
    sequencer.claim();
    const event = record.event as NonNullable<OutboundRecord['event']>;
    const zombie = sequencer.append({ ...record, event: { ...event, data: Buffer.from('"never accepted"') } });
    w.publishMany('dense', 400, { data: Buffer.from(JSON.stringify(DENSE)) });
    const append = sequencer.append.bind(sequencer);
    sequencer.append = (one) => append(rehint(one, zombie));
    w.publish('sparse', { index: 2 });
    sequencer.append = append;
    const stream = await w.openStream();
    const sink = await came(stream, { kind: 'start' });
    expect(sink.of('event').map(({ data }) => data)).toEqual([{ index: 0 }, { index: 1 }, { index: 2 }]);
    expect(await outcomes()).toEqual(['refused']);
  });
});

describe('what is found along the hints', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('sparse' as const), room: fc.constantFrom('s1', 's2') }) },
    { weight: 14, arbitrary: fc.record({ do: fc.constant('dense' as const), count: fc.integer({ min: 1, max: 80 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('claim' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('zombie' as const), back: fc.nat(30) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('repeat' as const), back: fc.nat(30) }) },
  );
  const wrong = fc.oneof(
    { weight: 4, arbitrary: fc.constant('exact' as const) },
    { weight: 1, arbitrary: fc.constant('older' as const) },
    { weight: 1, arbitrary: fc.nat(2_000) },
  );
  const plan = fc.record({
    steps: fc.array(step, { minLength: 10, maxLength: 60 }),
    hints: fc.array(wrong, { minLength: 40, maxLength: 40 }),
    deleted: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(600) }),
    anchorEvery: fc.integer({ min: 1, max: 40 }),
    ringBytes: fc.constantFrom(1, 20_000),
  });

  it('is what reading everything finds, in any log: zombies, repeats, claims, wrong hints, retention', async () => {
    let walked = 0;
    await fc.assert(
      fc.asyncProperty(plan, async ({ steps, hints, deleted, anchorEvery, ringBytes }) => {
        w = world({ gateway: { ringBytes }, anchors: { everyRecords: anchorEvery } });
        const sequencer = w.of('s1');
        const events = new Map<string, Array<{ offset: Offset; time: number }>>();
        let hinted = 0;
        for (const one of steps) {
          if (one.do === 'claim') sequencer.claim();
          else if (one.do === 'dense') {
            w.publishMany('dense', one.count, { data: Buffer.from(JSON.stringify(DENSE.repeat(4))) });
          } else if (one.do === 'sparse') {
            const offsets = events.get(one.room) ?? [];
            events.set(one.room, offsets);
            const hint = hints[hinted++ % hints.length] as 'exact' | 'older' | number;
            const append = sequencer.append.bind(sequencer);
            if (hint === 'older') sequencer.append = (record) => append(rehint(record, offsets.at(-2)?.offset ?? -1));
            else if (hint !== 'exact') sequencer.append = (record) => append(rehint(record, hint));
            const { offset, record } = w.publish(one.room, { n: offsets.length });
            offsets.push({ offset, time: record.event?.time as number });
            sequencer.append = append;
          } else {
            const record = sequencer.written.filter(({ event }) => event !== null).at(-1 - one.back);
            if (one.do === 'zombie') sequencer.claim();
            if (record !== undefined) sequencer.append(record);
          }
        }
        const stream = await w.openStream();
        const end = w.log.cluster.partition('test.outbound', 0 as never).end;
        const start = Math.min(deleted, end - 1);
        if (deleted > 0) w.log.cluster.trim('test.outbound', 0 as never, start as Offset);
        for (const [room, offsets] of events) {
          for (const join of [
            { kind: 'start' },
            { kind: 'last', count: 3 },
            { kind: 'since', timeMs: T0 + 150 },
          ] as const) {
            const sink = await came(stream, join, room);
            expect(sink.closed).toBe(false);
            const got = sink.seqs();
            const isWanted = (time: number, index: number): boolean =>
              join.kind === 'since'
                ? time >= join.timeMs
                : join.kind === 'start' || index >= offsets.length - join.count;
            const wanted = offsets.flatMap(({ time }, index) => (isWanted(time, index) ? [index + 1] : []));
            const kept = wanted.filter((seq) => (offsets[seq - 1]?.offset as number) >= start);
            // What retention has taken may be in memory yet; what it has left is there, but for what no anchor below proves.
            if (deleted === 0) expect(got).toEqual(wanted);
            else expect(wanted.slice(wanted.length - got.length)).toEqual(got);
            if (deleted > 0 && anchorEvery === 1) expect(got.length).toBeGreaterThanOrEqual(kept.length);
            const named = sink.of('gap').flatMap(({ from, to }) => [from, to]);
            if (join.kind === 'start') {
              if (got.length < offsets.length) expect(named).toEqual([1, offsets.length - got.length]);
              else expect(named).toEqual([]);
            }
          }
        }
        walked += Number(
          /roomlog_history_walks_total\{outcome="found"\} (\d+)/.exec(await w.metrics.render())?.[1] ?? 0,
        );
        await w.close();
      }),
      { numRuns: 80 },
    );
    // Else nothing was shown.
    expect(walked).toBeGreaterThan(20);
  }, 120_000);
});
