/** Whatever the interleaving of joins, leaves, events, noise in the log and slow sockets: each member gets 1 … n exactly once, in order. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import { TestSink } from '../tail/test-sink.fixture.ts';
import { type joinRoom, until, World } from '../tail/world.fixture.ts';

type Step =
  | { readonly do: 'publish'; readonly room: string; readonly count: number }
  | {
      readonly do: 'join';
      readonly room: string;
      readonly kind: 'start' | 'live' | 'after' | 'last';
      readonly batch: boolean;
    }
  | { readonly do: 'stall' | 'flow' | 'begin'; readonly which: number }
  | { readonly do: 'claim' | 'zombie' | 'repeat' }
  | { readonly do: 'turns'; readonly count: number };

const rooms = fc.constantFrom('a', 'b');
const which = fc.nat(9);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    arbitrary: fc.record({ do: fc.constant('publish' as const), room: rooms, count: fc.integer({ min: 1, max: 40 }) }),
    weight: 4,
  },
  {
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      room: rooms,
      kind: fc.constantFrom('start' as const, 'live' as const, 'after' as const, 'last' as const),
      batch: fc.boolean(),
    }),
    weight: 4,
  },
  {
    arbitrary: fc.record({ do: fc.constantFrom('stall' as const, 'flow' as const, 'begin' as const), which }),
    weight: 4,
  },
  fc.record({ do: fc.constantFrom('claim' as const, 'zombie' as const, 'repeat' as const) }),
  { arbitrary: fc.record({ do: fc.constant('turns' as const), count: fc.integer({ min: 1, max: 6 }) }), weight: 3 },
);

interface Joined {
  readonly room: string;
  readonly sink: TestSink;
  /** The first seq that this member must get. */
  first: number;
  begin: () => void;
  begun: boolean;
}

async function play(steps: readonly Step[], ringBytes: number, pressure: number): Promise<void> {
  const w = new World({
    anchors: { everyRecords: 7 },
    pressure,
    gateway: { flushWindowMaxMs: 2, ringBytes, slowClientBytes: 6_000, slowClientTimeoutMs: 10_000 },
  });
  const stream = await w.openStream();
  const published: Record<string, number> = { a: 0, b: 0 };
  const cursors: Record<string, Array<{ seq: number; cursor: string }>> = { a: [], b: [] };
  const joined: Joined[] = [];
  const joining: Array<Promise<void>> = [];

  const join = async ({ room, kind, batch }: Extract<Step, { do: 'join' }>): Promise<void> => {
    const sink = new TestSink(batch);
    const known = cursors[room] as Array<{ seq: number; cursor: string }>;
    const from = known[known.length >> 1];
    const start =
      kind === 'after' && from !== undefined
        ? { kind, cursor: from.cursor }
        : kind === 'last'
          ? { kind, count: 5 }
          : { kind: kind === 'after' ? ('start' as const) : kind };
    const subscription: Awaited<ReturnType<typeof joinRoom>>['subscription'] = await stream.subscribe(
      room as never,
      start,
      sink,
    );
    const first = {
      start: 1,
      after: (from?.seq ?? 0) + 1,
      live: subscription.seq + 1,
      // Resolved at some moment between the call and now: only the run itself is checked.
      last: Number.NaN,
    }[kind];
    joined.push({ room, sink, first, begin: () => subscription.begin(), begun: false });
  };
  const begin = (one: Joined): void => {
    if (one.begun) return;
    one.begun = true;
    one.begin();
  };

  for (const one of steps) {
    const member = 'which' in one ? joined[one.which % Math.max(1, joined.length)] : undefined;
    if (one.do === 'publish') {
      w.publishMany(one.room, one.count);
      published[one.room] = (published[one.room] as number) + one.count;
    } else if (one.do === 'join') joining.push(join(one));
    else if (one.do === 'claim') w.of('a').claim();
    else if (one.do === 'turns') {
      for (let turn = 0; turn < one.count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    } else if (one.do === 'zombie' || one.do === 'repeat') {
      const sequencer = w.of('a');
      const record = sequencer.written.findLast(({ event }) => event !== null);
      if (one.do === 'zombie') sequencer.claim();
      if (record !== undefined) sequencer.append({ ...record, inboundTime: record.inboundTime as Offset });
    } else if (member !== undefined) {
      if (one.do === 'stall') member.sink.stalled = true;
      else if (one.do === 'flow') member.sink.flow();
      else begin(member);
    }
    for (const { room, sink } of joined) {
      for (const { seq, cursor } of sink.of('event')) {
        cursors[room]?.push({ seq: seq as number, cursor: cursor as string });
      }
    }
  }
  await Promise.all(joining);
  for (const one of joined) {
    begin(one);
    one.sink.flow();
  }
  await w.settled(stream);
  const isDone = ({ room, sink, first }: Joined): boolean =>
    sink.of('live').length === 1 && (sink.seqs().at(-1) ?? (Number.isNaN(first) ? 0 : first - 1)) === published[room];
  await until(() => joined.every((one) => isDone(one)));
  for (const { room, sink, first } of joined) {
    const got = sink.seqs();
    const from = Number.isNaN(first) ? (got[0] ?? (published[room] as number) + 1) : first;
    expect(got).toEqual(Array.from({ length: (published[room] as number) - from + 1 }, (_, index) => from + index));
    expect(sink.of('gap')).toEqual([]);
    expect(sink.closed).toBe(false);
    expect(sink.of('live')).toHaveLength(1);
  }
  await w.close();
}

for (const [ringBytes, pressure] of [
  [1, 0],
  [8_000, 0],
  [1_000_000, 0],
  [1, 1],
  [1_000_000, 1],
] as const) {
  it(`holds with a ring of ${ringBytes} bytes and ${pressure === 0 ? 'no' : 'every'} window held`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => play(steps, ringBytes, pressure)),
      { numRuns: pressure === 0 ? 60 : 30 },
    );
  }, 60_000);
}
