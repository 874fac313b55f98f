/** What tests of the gateway's stream begin with: worlds that are closed after each test, and short words for what they ask. */
import { afterEach } from 'vitest';
import { type Partition, partition } from '../../core/ids.ts';
import type { RoomStream } from '../stream.ts';
import { TOPIC } from './test-sequencer.fixture.ts';
import type { TestSink } from './test-sink.fixture.ts';
import { until, World, type WorldOptions } from './world.fixture.ts';

/** Makes worlds for one test file, and closes each after its test. */
export function ownWorlds(): (options?: WorldOptions) => World {
  let worlds: World[] = [];
  afterEach(async () => {
    await Promise.all(worlds.map((one) => one.close()));
    worlds = [];
  });
  return (options) => {
    const made = new World(options);
    worlds.push(made);
    return made;
  };
}

export const p0 = partition(0);
export const seqs = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
export const endOf = (world: World, number: Partition = p0): number =>
  world.log.cluster.partition(TOPIC, number).range.end;
export const caughtUp = (sink: TestSink): Promise<void> => until(() => sink.of('live').length === 1);
/** Once all that follows the start was folded. */
export const folded = (stream: RoomStream): Promise<void> => until(() => stream.stats().lagRecords === 0);
