import { expect, test, vi } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { LeaderSearch, type Seeker } from './leader-search.ts';
import type { Metadata, TopicLeaders } from './metadata.ts';

const leader = { nodeId: 1, host: 'localhost', port: 9092 };
const leadersOf = (entries: Array<[number, typeof leader | null]>): TopicLeaders => ({
  topic: 't',
  askedAt: 0,
  leaders: new Map(entries.map(([partition, address]) => [partition as Partition, address])),
});

/** A search whose questions are answered by `answers` in turn, the last one for ever. */
function setup(partitions: number[], answers: Array<TopicLeaders | RoomlogError>) {
  const time = { now: 0 };
  const seekers: Seeker[] = partitions.map((partition) => ({
    partition: partition as Partition,
    leader: null,
    failures: 0,
  }));
  const hopeless: Array<[number, string]> = [];
  let asked = 0;
  const metadata = {
    markStale: () => {},
    leaders: async () => {
      const answer = answers[Math.min(asked++, answers.length - 1)];
      time.now += 1_000;
      if (answer instanceof RoomlogError) throw answer;
      return answer;
    },
  } as unknown as Metadata;
  const search = new LeaderSearch<Seeker>({
    topic: 't',
    metadata,
    clock: { now: () => time.now, monotonic: () => time.now },
    seekers: () => seekers,
    onFound: () => {},
    onHopeless: (seeker, error) => {
      hopeless.push([seeker.partition, error.code]);
      seekers.splice(seekers.indexOf(seeker), 1);
    },
  });
  return { search, seekers, hopeless, asked: () => asked };
}

test('asks until every partition has a leader', async () => {
  const { search, seekers, asked } = setup(
    [0, 1],
    [
      new RoomlogError('kafka_unreachable'),
      leadersOf([
        [0, leader],
        [1, null],
      ]),
      leadersOf([
        [0, leader],
        [1, leader],
      ]),
    ],
  );
  search.start();
  search.start();
  await vi.waitFor(() => expect(seekers.every((seeker) => seeker.leader)).toBe(true));
  expect(asked()).toBe(3);
});

test('gives a partition up that the topic does not have', async () => {
  const { search, seekers, hopeless } = setup([0, 7], [leadersOf([[0, leader]])]);
  search.start();
  await vi.waitFor(() => expect(hopeless).toEqual([[7, 'topic_missing']]));
  expect(seekers.map((seeker) => seeker.leader)).toEqual([leader]);
});

test('believes that a topic is gone only after a while', async () => {
  const { search, hopeless, asked } = setup([0], [new RoomlogError('topic_missing')]);
  search.start();
  await vi.waitFor(() => expect(hopeless).toEqual([[0, 'topic_missing']]), { timeout: 10_000 });
  expect(asked()).toBe(6);
});

test('gives up at once where Kafka refuses', async () => {
  const { search, hopeless, asked } = setup([0], [new RoomlogError('kafka_refused')]);
  search.start();
  await vi.waitFor(() => expect(hopeless).toEqual([[0, 'kafka_refused']]));
  expect(asked()).toBe(1);
});

test('stops', async () => {
  const { search, asked } = setup([0], [new RoomlogError('kafka_unreachable')]);
  search.start();
  await vi.waitFor(() => expect(asked()).toBeGreaterThan(1));
  search.stop();
  const before = asked();
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked()).toBeLessThanOrEqual(before + 1);
});
