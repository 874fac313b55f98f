import { expect, test } from 'vitest';
import type { Phase } from '../fan-out/messages.ts';
import { goalsOf, type Load, type Pair, type Round, rowsOf, type Watched } from './result.ts';

const LOAD: Load = { clients: 1_000, rooms: 10, perSecond: 300, payloadBytes: 2_000, memorySeconds: 60 };

function watched(p99: number): Watched {
  const deliveredMs = { samples: 1_000, p50: 4, p90: 6, p99, max: p99 };
  const phase: Phase = {
    contender: 'roomlog',
    rooms: 10,
    membersPerRoom: 100,
    perSecond: 300,
    events: 9_000,
    lost: 0,
    outOfOrder: 0,
    closed: 0,
    deliveredMs,
    serverCpuSeconds: 13,
    serverCpu: 0.43,
    deliveriesPerCpuSecond: 70_000,
    bytesPerDelivery: 2_136,
    clientsCpu: 0.2,
    infrastructureCpu: 0.3,
    stolen: 0.01,
    void: [],
  };
  return { phase, rss: { highest: 300, course: [300] } };
}

const pair = (alone: number, beside: number, reasons: readonly string[] = []): Pair => ({
  alone: watched(alone),
  falling: watched(50),
  beside: watched(beside),
  void: reasons,
});

function round(pairs: readonly Pair[]): Round {
  const memory = { heapBytes: 100, residentBytes: 200 };
  return { pairs, memory: { begin: memory, end: { heapBytes: 102, residentBytes: 210 } } };
}

const factorOf = (rounds: readonly Round[]): number | undefined => goalsOf(rounds, LOAD)[0]?.value;

test('a phase beside stalled clients is compared with the one alone just before it, not with another pair’s', () => {
  // A machine that slows down for minutes: each pair alike, all of them together not.
  expect(factorOf([round([pair(10, 11), pair(40, 44)]), round([pair(100, 110)])])).toBe(1.1);
});

test('of an even number of pairs the worse of the two in the middle is the goal’s value', () => {
  expect(factorOf([round([pair(10, 10), pair(10, 11)]), round([pair(10, 13), pair(10, 40)])])).toBe(1.3);
});

test('a void pair is in no factor and no row, the other one of its gateway is', () => {
  const rounds = [round([pair(10, 12), pair(10, 500, ['20 % stolen by the hypervisor'])])];
  expect(factorOf(rounds)).toBe(1.2);
  const p99 = rowsOf(rounds, LOAD).filter(({ metric }) => metric === 'p99');
  expect(p99.map(({ rounds: count, high }) => [count, high])).toEqual([
    [1, 10],
    [1, 50],
    [1, 12],
  ]);
});

test('growth is what is in use as the memory’s phase ends, over what was as it began', () => {
  const [, heap, resident] = goalsOf([round([pair(10, 10)])], LOAD);
  expect([heap?.value, resident?.value]).toEqual([0.02, 0.05]);
});
