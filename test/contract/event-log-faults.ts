/** What every implementation of the log port must do while answers get lost and leaders move. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import { appendAll, at, collect, eventually, p, readAll, record, texts } from './log-reader.ts';

/** A cluster in which things can be made to go wrong. */
export interface FaultHarness {
  /** A client whose answers can be lost; the suite closes it. */
  open(clientId: string): Promise<EventLog>;
  createTopic(topic: string, partitions: number): Promise<void>;
  /** While set, appends of those clients are done, but their answers are lost. */
  loseAppendAnswers(lose: boolean): void;
  /** Another broker leads the partition when it resolves. */
  moveLeader(topic: string, partition: Partition): Promise<void>;
}

let topics = 0;

export function eventLogFaultContract(name: string, makeHarness: () => Promise<FaultHarness>): void {
  describe(`${name} keeps the contract of the log port under faults:`, () => {
    let harness: FaultHarness;
    let log: EventLog;
    const newTopic = async (partitions: number) => {
      const topic = `fault-contract-${process.pid}-${++topics}`;
      await harness.createTopic(topic, partitions);
      return topic;
    };

    beforeAll(async () => {
      harness = await makeHarness();
      log = await harness.open('faults');
    }, 60_000);
    afterAll(() => log.close());

    test('calls an append unknown whose answer is lost, though it stands in the log, once', async () => {
      const topic = await newTopic(2);
      await appendAll(log, topic, p(0), ['before']);
      const seen = collect(log, topic);
      for (const partition of [p(0), p(1)]) seen.tail.assign(partition, at(0));
      harness.loseAppendAnswers(true);
      const outcomes = await log.append(
        topic,
        [p(0), p(1)].map((partition) => ({ partition, records: [record('unknown')] })),
      );
      harness.loseAppendAnswers(false);
      expect(outcomes).toMatchObject([
        { partition: 0, status: 'unknown', error: { code: 'kafka_unreachable' } },
        { partition: 1, status: 'unknown', error: { code: 'kafka_unreachable' } },
      ]);
      // What a reader sees decides; the port itself tries nothing again.
      await eventually(() => expect(texts(seen.records.get(p(0)))).toEqual(['before', 'unknown']));
      await eventually(() => expect(texts(seen.records.get(p(1)))).toEqual(['unknown']));
      expect(await appendAll(log, topic, p(0), ['after'])).toBe(2);
      await eventually(() => expect(texts(seen.records.get(p(0)))).toEqual(['before', 'unknown', 'after']));
      await seen.tail.stop();
    }, 60_000);

    test('reads and writes on over a change of leader, without loss, repeat or jump', async () => {
      const topic = await newTopic(2);
      const seen = collect(log, topic);
      for (const partition of [p(0), p(1)]) seen.tail.assign(partition, at(0));
      const acked: string[] = [];
      const unknown: string[] = [];
      let tries = 0;
      let writing = true;
      const writer = (async () => {
        for (; writing; tries++) {
          const [outcome] = await log.append(topic, [{ partition: p(0), records: [record(`${tries}`)] }]);
          if (outcome?.status === 'appended') acked.push(`${tries}`);
          else if (outcome?.status === 'unknown') unknown.push(`${tries}`);
          else expect(outcome?.status).toBe('not_appended');
          if (outcome?.status !== 'appended') await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      await eventually(() => expect(acked.length).toBeGreaterThan(20));
      await harness.moveLeader(topic, p(0));
      const before = acked.length;
      await eventually(() => expect(acked.length).toBeGreaterThan(before + 20), 30_000);
      writing = false;
      await writer;
      const end = (await log.ranges(topic)).get(p(0))?.end ?? 0;
      await eventually(() => expect(seen.progress.get(p(0))?.next).toBe(end), 30_000);
      const values = texts(seen.records.get(p(0))) as string[];
      expect(seen.records.get(p(0))?.map((r) => r.offset)).toEqual([...values.keys()]);
      expect(new Set(values).size).toBe(values.length);
      expect(values.filter((value) => !acked.includes(value) && !unknown.includes(value))).toEqual([]);
      expect(acked.filter((value) => !values.includes(value))).toEqual([]);
      expect(texts(await readAll(log, topic, p(0), 0, end))).toEqual(values);
      expect(seen.errors).toEqual([]);
      await seen.tail.stop();
    }, 90_000);
  });
}
