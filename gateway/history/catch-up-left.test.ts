/** A member that leaves while it waits for its turn. */
import { expect, it } from 'vitest';
import { createMetrics } from '../../adapters/telemetry/metrics.ts';
import { configSchema } from '../../core/config/schema.ts';
import { type Offset, type Partition, type RoomId, type Seq, seq as seqOf } from '../../core/ids.ts';
import { SlowClients } from '../../core/limits/slow-clients.ts';
import { systemClock } from '../../core/ports/clock.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { Rooms } from '../rooms/rooms.ts';
import type { LoopBudget } from '../tail/loop-budget.ts';
import { inboundEvent } from '../tail/test-sequencer.fixture.ts';
import { TestSink } from '../tail/test-sink.fixture.ts';
import { CatchUp } from './catch-up.ts';
import { LogEvent } from './log-event.ts';
import type { PartitionHistory } from './partition-history.ts';
import type { HistoryReads } from './room-reader.ts';
import { SlowMembers } from './slow-members.ts';

const LOBBY = 'lobby' as RoomId;
const START = { seq: 0, from: 0 as Offset };
const events = [1, 2].map(
  (seq) =>
    new LogEvent('stream', 0 as Partition, seq as Offset, {
      ...inboundEvent('lobby', seq),
      seq: seqOf(seq),
      time: 0,
      prev: -1 as Offset,
    }),
);
const history = {
  partition: 0,
  streamId: 'stream',
  logTime: 0,
  newestClaim: 0,
  ring: { first: () => events[0], after: (_: RoomId, seq: number) => events.filter((event) => event.seq > seq) },
  head: () => ({ seq: 2 as Seq, offset: 2 as Offset }),
} as unknown as PartitionHistory;

it('is sent nothing, though what it lacks is at hand', async () => {
  let isSpent = false;
  const turns: Array<() => void> = [];
  const budget = { spent: () => isSpent, turn: () => new Promise<void>((resolve) => turns.push(resolve)) };
  const catchUp = new CatchUp({
    budget: budget as unknown as LoopBudget,
    reads: {} as HistoryReads,
    clock: systemClock,
    slow: new SlowMembers(createMetrics()),
    framesBytes: 1e6,
    logger: silentLog,
    onDelivered: () => {},
    onGap: () => {},
  });
  const rooms = new Rooms(new SlowClients(configSchema.parse({}).gateway));
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const enter = (): { sink: TestSink; leave: () => void } => {
    const sink = new TestSink();
    const member = rooms.enter(LOBBY, history, sink, START);
    catchUp.begin(member);
    return { sink, leave: () => rooms.leave(member) };
  };
  const stays = enter();
  await settled();
  expect(stays.sink.seqs()).toEqual([1, 2]);
  isSpent = true;
  const [waits, leaves] = [enter(), enter()];
  leaves.leave();
  isSpent = false;
  for (const resolve of turns) resolve();
  await settled();
  expect(waits.sink.seqs()).toEqual([1, 2]);
  expect(leaves.sink.frames).toEqual([]);
});
