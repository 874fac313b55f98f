/**
 * Random faults, judged by folding what was written: every inbound record answered exactly once, in order, every room
 * without a hole, every numbered publish once. `fast-check` prints the seed of a failure.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AppendFault } from '../../adapters/memory/memory-brokers.ts';
import type { Partition } from '../../core/ids.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import { RunningSequencers, sound } from '../../test/support/running-sequencers.ts';

/** More of them: ROOMLOG_TEST_CHAOS_RUNS=200. */
const RUNS = Number(process.env.ROOMLOG_TEST_CHAOS_RUNS ?? 8);
const NAMES = ['a', 'b', 'c'] as const;

const fault = fc.constantFrom('request_lost', 'response_lost', 'not_appended', 'late', 'late_answer', null, null, null);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('publish' as const), count: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('resend' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('start', 'evict', 'forget', 'freeze', 'stop'),
      name: fc.constantFrom(...NAMES),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
);

test('survives any mixture of lost, late and repeated appends, evictions, zombies and restarts', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fault, { minLength: 5, maxLength: 30 }),
      fc.array(step, { minLength: 5, maxLength: 25 }),
      run,
    ),
    { numRuns: RUNS, endOnFailure: true },
  );
}, 900_000);

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function run(faults: ReadonlyArray<string | null>, steps: readonly Step[]): Promise<void> {
  const stream = new MemoryStream({ partitions: 2, sequencer: { batchBytes: 1_500, sessionTimeoutMs: 200 } });
  const running = new RunningSequencers();
  const live = new Map<string, Awaited<ReturnType<RunningSequencers['start']>>>();
  const group = stream.cluster.group(stream.groupId, stream.topics.inbound);
  let appends = 0;
  let faulty = true;
  const late = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  stream.cluster.onAppend = ({ topic }): AppendFault | undefined => {
    if (!faulty || topic !== stream.topics.outbound) return undefined;
    const chosen = faults[appends++ % faults.length] ?? null;
    if (chosen === null) return undefined;
    if (chosen === 'late') return { hold: late(40) };
    if (chosen === 'late_answer') return { holdAnswer: late(40) };
    return chosen as AppendFault;
  };

  const id = session();
  const rooms = ['r1', 'r2', 'r3', 'r4'];
  const sent = new Map<string, number>(rooms.map((room) => [room, 0]));
  let turn = 0;
  let starts = 0;
  const publish = (room: string, pub: number) =>
    stream.publish(inboundEvent({ room, session: id, pub, data: Buffer.from(`"${room} ${pub}"`) }));
  const start = async (name: string) => {
    if (live.has(name)) return;
    starts++;
    live.set(name, await running.start(stream, `${name}${starts}`));
  };
  try {
    await start('a');
    for (const one of steps) {
      if (one.kind === 'publish') {
        for (let n = 0; n < one.count; n++) {
          const room = rooms[turn++ % rooms.length] as string;
          const pub = (sent.get(room) ?? 0) + 1;
          sent.set(room, pub);
          publish(room, pub);
        }
      } else if (one.kind === 'resend') {
        for (const room of rooms) {
          const last = sent.get(room) ?? 0;
          for (let pub = Math.max(1, last - 5); pub <= last; pub++) publish(room, pub);
        }
      } else if (one.kind === 'wait') await late(one.ms);
      else {
        const member = group.memberIds.find((memberId) => memberId.startsWith(one.name));
        if (one.kind === 'start') await start(one.name);
        if (one.kind === 'stop') {
          await live.get(one.name)?.stop();
          live.delete(one.name);
        }
        if (member !== undefined && one.kind === 'freeze') group.member(member)?.freeze();
        if (member !== undefined && (one.kind === 'evict' || one.kind === 'forget')) {
          group.evict(member, { tell: one.kind === 'evict' });
          live.delete(one.name);
        }
      }
    }
    faulty = false;
    for (const memberId of group.memberIds) group.member(memberId)?.thaw();
    live.delete('c');
    await start('c');
    for (const room of rooms) for (let pub = 1; pub <= (sent.get(room) ?? 0); pub++) publish(room, pub);
    await sound(stream);
    const events = [0, 1].flatMap((partition) => stream.judge(partition as Partition).events);
    for (const room of rooms) {
      const pubs = events.filter((event) => event.room === room).map(({ pub }) => pub);
      expect(pubs).toEqual(Array.from({ length: sent.get(room) ?? 0 }, (_, n) => n + 1));
    }
  } finally {
    await running.stopAll();
  }
}
