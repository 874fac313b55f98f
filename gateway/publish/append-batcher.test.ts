import { Buffer } from 'node:buffer';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AppendFault } from '../../adapters/memory/memory-brokers.ts';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { partition } from '../../core/ids.ts';
import { systemClock } from '../../core/ports/clock.ts';
import { AppendBatcher, MAX_BATCH_RECORDS } from './append-batcher.ts';

const TOPIC = 'inbound';
const [p0, p1] = [partition(0), partition(1)];

let log: MemoryLog;
let batcher: AppendBatcher;
let tries: { partition: number; values: string[] }[];
let faults: (AppendFault | undefined)[];
let refused: [number, string][];
let uncertain: number[];
let dropped: number[];
let wanted: (counter: number) => boolean;

beforeEach(() => {
  log = new MemoryLog({ topics: [TOPIC], partitions: 2, maxRecordBytes: 1_000 });
  tries = [];
  faults = [];
  refused = [];
  uncertain = [];
  dropped = [];
  wanted = () => true;
  log.cluster.onAppend = ({ batch }) => {
    tries.push({ partition: batch.partition, values: batch.records.map(({ value }) => String(value)) });
    return faults.shift();
  };
  batcher = new AppendBatcher({
    log,
    topic: TOPIC,
    partitions: 2,
    unavailableAfterMs: 30,
    clock: systemClock,
    listener: {
      isWanted: (counter) => wanted(counter),
      onRefused: (counter, { code }) => refused.push([counter, code]),
      onUncertain: (counter) => uncertain.push(counter),
      onDropped: (counter) => dropped.push(counter),
    },
  });
});
afterEach(() => batcher.stop());

const add = (counter: number, to = p0, value = String(counter)): void =>
  batcher.add(to, { key: null, value: Buffer.from(value) }, counter);
const written = (at = p0): string[] => log.cluster.records(TOPIC, at).map(({ value }) => String(value));
const settled = (): Promise<void> => vi.waitFor(() => expect(batcher.queuedBytes()).toBe(0));

describe('the append batcher', () => {
  test('sends all that one turn brought as one batch, and what comes meanwhile as the next', async () => {
    let release = (): void => {};
    faults = [{ holdAnswer: new Promise<void>((resolve) => (release = resolve)) }];
    add(1);
    add(2);
    await vi.waitFor(() => expect(tries).toHaveLength(1));
    add(3);
    add(4);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(tries).toHaveLength(1);
    release();
    await settled();
    expect(tries.map(({ values }) => values)).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
  });

  test('puts the batches of all partitions into one call', async () => {
    const append = vi.spyOn(log, 'append');
    add(1, p0);
    add(2, p1);
    await settled();
    expect(append).toHaveBeenCalledOnce();
    expect(written(p0)).toEqual(['1']);
    expect(written(p1)).toEqual(['2']);
  });

  test.each(['request_lost', 'not_appended'] as const)(
    'sends the same batch again after %s, before all later ones',
    async (fault) => {
      faults = [fault, fault];
      add(1);
      await vi.waitFor(() => expect(tries.length).toBeGreaterThan(0));
      add(2);
      await settled();
      expect(tries.map(({ values }) => values)).toEqual([['1'], ['1'], ['1'], ['2']]);
      expect(written()).toEqual(['1', '2']);
    },
  );

  test('does not let a partition in trouble hold another one back', async () => {
    let release = (): void => {};
    faults = ['request_lost', { hold: new Promise<void>((resolve) => (release = resolve)) }];
    add(1, p0);
    await vi.waitFor(() => expect(tries).toHaveLength(2));
    add(2, p1);
    await vi.waitFor(() => expect(written(p1)).toEqual(['2']));
    expect(written(p0)).toEqual([]);
    release();
    await settled();
  });

  test('does not try again what nobody waits for', async () => {
    let sent = 0;
    log.cluster.onAppend = () => {
      sent += 1;
      wanted = () => false;
      return 'request_lost';
    };
    add(1);
    await settled();
    expect(sent).toBe(1);
    expect(dropped).toEqual([]);
    expect(refused).toEqual([]);
  });

  test('tells of a refusal as unavailable, and goes on', async () => {
    faults = ['refused'];
    add(1);
    await settled();
    add(2);
    await settled();
    expect(refused).toEqual([[1, 'unavailable']]);
    expect(written()).toEqual(['2']);
  });

  test('calls a refusal after an unknown outcome uncertain: the first try may have worked', async () => {
    faults = ['response_lost', 'refused'];
    add(1);
    await settled();
    expect(uncertain).toEqual([1]);
    expect(refused).toEqual([]);
    expect(written()).toEqual(['1']);
  });

  test('finds the one record that is too large, and keeps the order of the others', async () => {
    add(1);
    add(2, p0, 'x'.repeat(2_000));
    add(3);
    add(4);
    await settled();
    expect(refused).toEqual([[2, 'too_large']]);
    expect(written()).toEqual(['1', '3', '4']);
  });

  test('says unavailable while a batch is stuck or no broker is there, and heals', async () => {
    expect(batcher.admits(p0)).toBe(true);
    log.cluster.onAppend = () => 'not_appended';
    add(1, p0);
    await vi.waitFor(() => expect(batcher.admits(p0)).toBe(false));
    expect(batcher.admits(p1)).toBe(true);
    log.cluster.onAppend = undefined;
    await settled();
    expect(batcher.admits(p0)).toBe(true);
    log.cluster.unreachable = true;
    expect(batcher.admits(p1)).toBe(false);
    log.cluster.unreachable = false;
    expect(batcher.admits(p1)).toBe(true);
  });

  test('lets one publish find out, when the stuck batch was given up', async () => {
    log.cluster.onAppend = () => 'not_appended';
    add(1);
    await vi.waitFor(() => expect(batcher.admits(p0)).toBe(false));
    wanted = () => false;
    await settled();
    expect(dropped).toEqual([1]);
    expect(batcher.circuits()).toEqual({ closed: 1, open: 1, 'half-open': 0 });
    wanted = () => true;
    await vi.waitFor(() => expect(batcher.admits(p0)).toBe(true), 5_000);
    expect(batcher.admits(p0)).toBe(false);
    log.cluster.onAppend = undefined;
    add(2);
    await settled();
    expect([batcher.admits(p0), batcher.admits(p0)]).toEqual([true, true]);
  });

  test('drops what nobody waits for any more, unless an earlier try may have brought it into the log', async () => {
    let release = (): void => {};
    const held = { holdAnswer: new Promise<void>((resolve) => (release = resolve)) };
    faults = [held, ...new Array<AppendFault>(100).fill('request_lost')];
    add(1);
    await vi.waitFor(() => expect(tries).toHaveLength(1));
    for (const counter of [2, 3, 4]) add(counter);
    wanted = (counter) => counter === 4;
    release();
    await vi.waitFor(() => expect(tries.length).toBeGreaterThan(1));
    expect(dropped).toEqual([2, 3]);
    wanted = () => false;
    await settled();
    expect(dropped).toEqual([2, 3]);
    expect(written()).toEqual(['1']);
  });

  test('bounds a batch by records', async () => {
    for (let counter = 0; counter < MAX_BATCH_RECORDS + 10; counter += 1) add(counter);
    await settled();
    expect(tries.map(({ values }) => values.length)).toEqual([MAX_BATCH_RECORDS, 10]);
  });

  test('takes a call that throws as an unknown outcome', async () => {
    vi.spyOn(log, 'append').mockRejectedValueOnce(new Error('closed'));
    add(1);
    await settled();
    expect(written()).toEqual(['1']);
  });
});
