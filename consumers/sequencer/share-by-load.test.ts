/** How large batches become with more or fewer partitions that have much to do: see share.ts. */
import { afterEach, expect, test } from 'vitest';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import type { Partition } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { AppendBatch, AppendOutcome } from '../../core/ports/event-log.ts';
import { inboundEvent, MemoryStream } from '../../test/support/memory-stream.ts';
import type { MovableClock } from '../../test/support/movable-clock.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';

const PARTITIONS = 12;
const SHARE_BYTES = 65_536;
const RECORD_BYTES = 1_024;
/** So many are much, and more than two shares. */
const MANY = 600;
/** After so many, to all partitions, more than 20,000 records came. */
const VERY_MANY_ROUNDS = 3;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

/** Notes the largest batch to outbound. */
class Noting extends MemoryLog {
  #largest = 0;

  override append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
    for (const { records } of topic.endsWith('.outbound') ? batches : []) {
      this.#largest = Math.max(
        this.#largest,
        records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0),
      );
    }
    return super.append(topic, batches);
  }

  /** In bytes, since it was last asked. */
  takeLargest(): number {
    const largest = this.#largest;
    this.#largest = 0;
    return largest;
  }
}

/** Stands still until it is moved: how long the work takes must not matter. */
function stillClock(): MovableClock {
  let time = 1_000_000;
  return {
    now: () => time,
    monotonic: () => time,
    advance: (ms) => {
      time += ms;
    },
  };
}

async function start() {
  const clock = stillClock();
  const stream = new MemoryStream({ clock, partitions: PARTITIONS });
  const log = new Noting(stream.cluster, 'a');
  const told: boolean[] = [];
  const sequencer = await running.start(stream, 'a', { log, onBusy: (isBusy) => told.push(isBusy) });
  await ready(sequencer);
  const rooms: string[] = [];
  for (let number = 0; Object.keys(rooms).length < PARTITIONS; number++) {
    rooms[partitionOf(Buffer.from(`room-${number}`), PARTITIONS)] ??= `room-${number}`;
  }
  const data = Buffer.from(JSON.stringify('x'.repeat(RECORD_BYTES)));
  const publish = async (partitions: number) => {
    for (const room of rooms.slice(0, partitions)) {
      const value = stream.codec.encodeInbound(inboundEvent({ room, data }));
      const partition = partitionOf(Buffer.from(room), PARTITIONS) as Partition;
      for (let count = 0; count < MANY; count++) stream.write(partition, value, Buffer.from(room));
    }
    await sound(stream);
  };
  return { clock, log, publish, told };
}

test('each of many has its share from the start, and still has it when the load has been looked at', async () => {
  const { clock, log, publish } = await start();
  await publish(PARTITIONS);
  expect(log.takeLargest()).toBeLessThanOrEqual(SHARE_BYTES);
  clock.advance(1_000);
  // Some ticks' worth of work, so that one of them has looked.
  for (let round = 0; round < 4; round++) await publish(1);
  expect(log.takeLargest()).toBeLessThanOrEqual(SHARE_BYTES);
});

test('one that is alone with much to do has more, once that was seen', async () => {
  const { clock, log, publish } = await start();
  await publish(1);
  expect(log.takeLargest()).toBeLessThanOrEqual(SHARE_BYTES);
  await until(async () => {
    clock.advance(1_000);
    await publish(1);
    expect(log.takeLargest()).toBeGreaterThan(SHARE_BYTES);
  });
});

test('who asked is told at each look whether very many came', async () => {
  const { clock, publish, told } = await start();
  const look = async (): Promise<boolean | undefined> => {
    const before = told.length;
    clock.advance(1_000);
    await until(() => expect(told.length).toBeGreaterThan(before));
    return told.at(-1);
  };
  expect(await look()).toBe(false);
  for (let round = 0; round < VERY_MANY_ROUNDS; round++) await publish(PARTITIONS);
  expect(await look()).toBe(true);
  expect(await look()).toBe(false);
});
