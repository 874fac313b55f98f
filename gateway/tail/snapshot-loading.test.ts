import { describe, expect, it } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import { takeSnapshot } from './snapshot.fixture.ts';
import { SNAPSHOTS } from './test-sequencer.fixture.ts';
import type { World } from './world.fixture.ts';
import { ownWorlds } from './worlds.fixture.ts';

const world = ownWorlds();
const one = (w: World) => w.of('a');

describe('loading snapshots', () => {
  it('goes on for a few partitions at a time', async () => {
    const w = world({ partitions: 12 });
    for (const sequencer of w.sequencers) {
      const room = Array.from({ length: 1_000 }, (_, index) => `r${index}`).find((name) => w.of(name) === sequencer);
      w.publish(room as string, 1);
      await takeSnapshot(w, sequencer);
    }
    let running = 0;
    let most = 0;
    const opened = w.log.cluster.open.bind(w.log.cluster);
    w.log.cluster.open = (clientId) => {
      const log = opened(clientId);
      const readRange = log.readRange.bind(log);
      log.readRange = async function* (options) {
        running += 1;
        most = Math.max(most, running);
        try {
          await new Promise((resolve) => setImmediate(resolve));
          yield* readRange(options);
        } finally {
          running -= 1;
        }
      };
      return log;
    };
    const stream = await w.openStream();
    expect(stream.stats().foldedRecords).toBe(0);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  /** Asked before every question for the ranges of the snapshots topic. */
  function onRanges(w: World, ask: () => void): void {
    const { cluster } = w.log;
    const open = cluster.open.bind(cluster);
    cluster.open = (clientId) => {
      const log = open(clientId);
      const ranges = log.ranges.bind(log);
      log.ranges = async (topic, partitions) => {
        if (topic === SNAPSHOTS) ask();
        return ranges(topic, partitions);
      };
      return log;
    };
  }

  it('waits for Kafka', async () => {
    const w = world();
    w.publishMany('a', 10);
    await takeSnapshot(w, one(w));
    w.publishMany('a', 2);
    let asked = 0;
    onRanges(w, () => {
      asked += 1;
      if (asked === 1) throw new RoomlogError('kafka_unreachable');
    });
    const stream = await w.openStream();
    expect(asked).toBeGreaterThan(1);
    expect(stream.stats().foldedRecords).toBe(2);
  });

  it('is done without where there is no such topic', async () => {
    const w = world();
    w.publishMany('a', 10);
    onRanges(w, () => {
      throw new RoomlogError('topic_missing');
    });
    const stream = await w.openStream();
    expect(stream.stats().foldedRecords).toBe(12);
  });

  it('ends when the gateway is stopped', async () => {
    const w = world();
    w.publishMany('a', 10);
    const stream = w.createStream();
    const opened = stream.start();
    const refused = expect(opened).rejects.toMatchObject({ code: 'draining' });
    await stream.stop();
    await refused;
  });
});
