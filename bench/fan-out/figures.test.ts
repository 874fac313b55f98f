import { expect, it } from 'vitest';
import { isMet } from '../support/result.ts';
import type { Contender } from './contenders.ts';
import { hotGoals, type PlayedCase, rowsOf, spreadGoals } from './figures.ts';
import type { Phase } from './messages.ts';
import type { Case } from './plan.ts';

const phase = (contender: Contender, perSecond: number, perCpuSecond: number, more: Partial<Phase> = {}): Phase => ({
  contender,
  rooms: 1,
  membersPerRoom: 1_000,
  perSecond,
  events: 100,
  lost: 0,
  outOfOrder: 0,
  closed: 0,
  deliveredMs: { samples: 100, p50: 5, p90: 8, p99: 20, max: 30 },
  serverCpuSeconds: 1,
  serverCpu: 0.5,
  deliveriesPerCpuSecond: perCpuSecond,
  bytesPerDelivery: 300,
  clientsCpu: 0.2,
  infrastructureCpu: 0.3,
  stolen: 0,
  void: [],
  ...more,
});
const latency = (p99: number) => ({ deliveredMs: { samples: 100, p50: 5, p90: 8, p99, max: 300 } });

function played(figure: Case['figure'], phases: readonly Phase[], highest: number | null = null): PlayedCase {
  const contenders = [...new Set(phases.map(({ contender }) => contender as Contender))];
  return {
    case: { figure, audience: { rooms: 1, membersPerRoom: 1_000 }, rates: [], ladder: null, contenders },
    rounds: phases.map((one) => ({ contender: one.contender as Contender, turn: 1, phases: [one], highest })),
  };
}
const values = (goals: ReturnType<typeof hotGoals>) =>
  Object.fromEntries(goals.map((goal) => [goal.what, [goal.value, isMet(goal)]]));

it('holds a hot room against Socket.IO where that is at its best, and against the floor at the same rate', () => {
  const goals = hotGoals(
    played('P1', [
      phase('roomlog', 1_000, 800_000),
      phase('socket.io', 20, 50_000),
      phase('socket.io', 80, 100_000),
      phase('socket.io', 200, 900_000, { lost: 5 }),
      phase('native', 20, 1),
      phase('native', 1_000, 1_000_000),
    ]),
  );
  expect(values(goals)).toEqual({
    "deliveries per CPU-second at 1,000 events/s, to Socket.IO's at the rate that suits it best": [8, false],
    "deliveries per CPU-second at 1,000 events/s, to the native floor's": [0.8, true],
  });
});

it('holds a window against what it adds to the latency', () => {
  const goals = hotGoals(
    played('P1', [
      phase('roomlog', 200, 800_000, latency(31)),
      phase('roomlog-unbatched', 200, 100_000, latency(20)),
      phase('roomlog-unbatched', 200, 100_000, { ...latency(300), void: ['stolen'] }),
    ]),
  );
  expect(values(goals)).toEqual({
    'p99 at 200 events/s': [31, true],
    'p99 at 200 events/s, over the unbatched one': [11, false],
  });
});

it('has no goal for rungs above the highest that holds, nor for those that were not played in each turn', () => {
  const rates = [1_000, 1_400, 2_000, 2_800].map((perSecond) => [
    phase('roomlog', perSecond, 2_000_000, perSecond === 2_800 ? latency(60) : {}),
    phase('native', perSecond, 2_000_000),
  ]);
  const [asked = [], below = [], highest = [], above = []] = rates;
  const { case: one } = played('P1', [...asked, phase('socket.io', 1_000, 100_000)]);
  const ladder = { warmUpSeconds: 0, seconds: 1 };
  const turn = (contender: Contender, number: number, phases: readonly Phase[]) => ({
    ...{ contender, turn: number, highest: null },
    phases: phases.filter((some) => some.contender === contender),
  });
  const goals = hotGoals({
    case: { ...one, ladder, rates: [{ perSecond: 1_000, warmUpSeconds: 0, seconds: 1 }] },
    rounds: (['roomlog', 'native'] as const).flatMap((side) => [
      turn(side, 1, [...asked, ...below, ...highest, ...above]),
      turn(side, 2, [...asked, ...highest, ...above]),
    ]),
  });
  expect(goals.map(({ what }) => what)).toEqual([
    "deliveries per CPU-second at 1,000 events/s, to the native floor's",
    "deliveries per CPU-second at 2,000 events/s, to the native floor's",
  ]);
});

it('asks a quiet room to cost no more than ws.send', () => {
  const goals = hotGoals(played('P1', [phase('roomlog', 20, 75_000), phase('ws-send', 20, 80_000)]));
  expect(goals.map((goal) => [goal.value, isMet(goal)])).toEqual([[0.94, false]]);
});

it('holds small rooms against Socket.IO, and their latency against ws.send', () => {
  const spread = played('P2', [
    phase('roomlog', 5_000, 150_000, latency(12)),
    phase('socket.io', 5_000, 100_000),
    phase('ws-send', 5_000, 90_000, latency(8)),
  ]);
  expect(spreadGoals(spread).map((goal) => [goal.value, isMet(goal)])).toEqual([
    [1.5, true],
    [4, true],
  ]);
});

it('says where small rooms were compared at a rate that was not held', () => {
  const spread = played('P2', [
    phase('roomlog', 5_000, 1, latency(300)),
    phase('ws-send', 5_000, 1, latency(500)),
    phase('socket.io', 5_000, 1),
  ]);
  const goals = spreadGoals(spread);
  expect(goals.at(-1)?.what).toMatch(/the rate was not held by roomlog and ws-send$/);
});

it('gives no latency to a rate that was not held, and no row to void phases', () => {
  const rows = rowsOf(
    played(
      'P1',
      [
        phase('ws-send', 20, 80_000),
        phase('ws-send', 200, 90_000, { lost: 1_000 }),
        phase('ws-send', 80, 1, { void: ['stolen'] }),
      ],
      20,
    ),
  );
  expect(rows.map(({ case: name, metric, median }) => [name.split(', ').at(-1), metric, median])).toEqual([
    ['20 events/s', 'deliveries per CPU-second', 80_000],
    ['20 events/s', 'held the rate', 1],
    ['20 events/s', 'p50', 5],
    ['20 events/s', 'p99', 20],
    ['200 events/s', 'deliveries per CPU-second', 90_000],
    ['200 events/s', 'held the rate', 0],
    ['highest rate that holds', 'events', 20],
  ]);
});
