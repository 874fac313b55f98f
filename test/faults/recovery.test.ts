import { describe, expect, it } from 'vitest';
import type { HistoryLine } from '../checker/history.ts';
import { roomNames } from './load.ts';
import { recoveryOf } from './recovery.ts';
import type { MadeFault } from './world.ts';

const PARTITIONS = 2;
const [first = '', second = ''] = roomNames(PARTITIONS);
const fault: MadeFault = {
  name: 'f',
  evidence: '',
  recovery: 'begin',
  beganAt: 1_000,
  struckAt: 1_000,
  healedAt: 5_000,
};

const publish = (at: number, op: string, room: string): HistoryLine => ({
  ...{ type: 'publish', process: 'p', at, client: 'c', op, room, user: 'u', session: 's', pub: 1, content: op },
});
const ack = (at: number, op: string): HistoryLine => ({ type: 'ack', process: 'p', at, client: 'c', op, seq: 1 });
const close = (at: number, client: string): HistoryLine => ({ type: 'close', process: 'p', at, client });
const resume = (at: number, client: string): HistoryLine => ({
  ...{ type: 'resume', process: 'p', at, client, room: first, seq: 1 },
});

describe('R', () => {
  it('is that of the slowest partition, and counts only what was sent after the fault', () => {
    const history = [
      publish(900, 'before', first),
      publish(1_100, 'one', first),
      publish(1_200, 'two', second),
      ack(1_300, 'before'),
      ack(1_400, 'one'),
      ack(7_500, 'two'),
      publish(7_600, 'three', second),
      ack(7_700, 'three'),
    ];
    expect(recoveryOf(history, fault, PARTITIONS).ackMs).toBe(6_500);
  });

  it('counts from the healing where nothing can work before', () => {
    const history = [
      publish(1_100, 'one', first),
      ack(4_000, 'one'),
      publish(5_200, 'two', first),
      publish(5_200, 'three', second),
      ack(5_300, 'two'),
      ack(5_900, 'three'),
    ];
    expect(recoveryOf(history, { ...fault, recovery: 'heal' }, PARTITIONS).ackMs).toBe(900);
  });

  it('counts from where the fault bit, not from its preparations', () => {
    const history = [
      publish(1_100, 'one', first),
      publish(1_100, 'two', second),
      ack(1_200, 'one'),
      ack(1_200, 'two'),
      publish(2_100, 'three', first),
      publish(2_100, 'four', second),
      ack(2_400, 'three'),
      ack(8_000, 'four'),
    ];
    expect(recoveryOf(history, { ...fault, struckAt: 2_000 }, PARTITIONS).ackMs).toBe(6_000);
  });

  it('is null where a partition never came back', () => {
    const history = [publish(1_100, 'one', first), ack(1_200, 'one'), publish(1_100, 'two', second)];
    expect(recoveryOf(history, fault, PARTITIONS).ackMs).toBeNull();
  });

  it('is null where only what was sent before the fault was acked', () => {
    const history = [
      publish(900, 'before', first),
      ack(1_300, 'before'),
      publish(1_100, 'two', second),
      ack(1_200, 'two'),
    ];
    expect(recoveryOf(history, fault, PARTITIONS).ackMs).toBeNull();
  });

  it('knows how long the slowest client was away, and that none was', () => {
    const history = [
      close(500, 'early'),
      resume(600, 'early'),
      close(1_500, 'quick'),
      close(1_500, 'slow'),
      resume(1_600, 'quick'),
      resume(3_500, 'slow'),
    ];
    expect(recoveryOf(history, fault, PARTITIONS).reconnectMs).toBe(2_000);
    expect(recoveryOf(history.slice(0, 2), fault, PARTITIONS).reconnectMs).toBeNull();
  });
});
