/** What appends do, and what is said of a topic. */
import { expect, test } from 'vitest';
import { p, record, texts } from './log-reader.ts';
import type { LogUnderTest } from './log-under-test.ts';

export function appendContract(world: LogUnderTest): void {
  test('tells the number of partitions, and says topic_missing for an unknown topic', async () => {
    const topic = await world.newTopic(3);
    expect(await world.log.partitionCount(topic)).toBe(3);
    await expect(world.log.partitionCount(`${topic}-none`)).rejects.toMatchObject({ code: 'topic_missing' });
  });

  test('appends contiguously and tells each partition where', async () => {
    const topic = await world.newTopic(2);
    const first = await world.log.append(topic, [
      { partition: p(0), records: [record('a'), record('b')] },
      { partition: p(1), records: [record('c')] },
    ]);
    expect(first).toEqual([
      { partition: 0, status: 'appended', baseOffset: 0 },
      { partition: 1, status: 'appended', baseOffset: 0 },
    ]);
    expect(await world.appendAll(topic, p(0), ['d'])).toBe(2);
    expect(texts(await world.readAll(topic, p(0), 0, 10))).toEqual(['a', 'b', 'd']);
  });

  test('judges each partition of one append alone', async () => {
    const topic = await world.newTopic(2);
    const outcomes = await world.log.append(topic, [
      { partition: p(0), records: [record('x'.repeat(2_000_000))] },
      { partition: p(1), records: [record('fits')] },
    ]);
    expect(outcomes.map((o) => o.status)).toEqual(['refused', 'appended']);
    expect(outcomes[0]).toMatchObject({ partition: 0, error: { code: 'too_large' } });
    expect(texts(await world.readAll(topic, p(1), 0, 10))).toEqual(['fits']);
    expect(await world.readAll(topic, p(0), 0, 10)).toEqual([]);
  });

  test('sends nothing of a batch that may not leave any more, and the others of its append', async () => {
    const topic = await world.newTopic(2);
    const outcomes = await world.log.append(topic, [
      { partition: p(0), records: [record('late')], mayLeave: () => false },
      { partition: p(1), records: [record('in time')], mayLeave: () => true },
    ]);
    expect(outcomes.map((o) => o.status)).toEqual(['not_appended', 'appended']);
    const [alone] = await world.log.append(topic, [
      { partition: p(0), records: [record('late')], mayLeave: () => false },
    ]);
    expect(alone).toMatchObject({ status: 'not_appended', error: { code: 'kafka_unreachable' } });
    expect(texts(await world.readAll(topic, p(1), 0, 10))).toEqual(['in time']);
    expect(await world.readAll(topic, p(0), 0, 10)).toEqual([]);
  });

  test('refuses an append to a topic or partition that does not exist', async () => {
    const topic = await world.newTopic(1);
    const [missingPartition] = await world.log.append(topic, [{ partition: p(7), records: [record('a')] }]);
    expect(missingPartition).toMatchObject({ status: 'refused', error: { code: 'topic_missing' } });
    const [missingTopic] = await world.log.append(`${topic}-none`, [{ partition: p(0), records: [record('a')] }]);
    expect(missingTopic).toMatchObject({ status: 'refused', error: { code: 'topic_missing' } });
  });

  test('keeps absent keys and values apart from empty ones', async () => {
    const topic = await world.newTopic(1);
    await world.log.append(topic, [
      {
        partition: p(0),
        records: [
          { key: null, value: null },
          { key: Buffer.alloc(0), value: Buffer.alloc(0), headers: { why: 'test', empty: '' } },
        ],
      },
    ]);
    const [first, second] = await world.readAll(topic, p(0), 0, 2);
    expect(first).toMatchObject({ key: null, value: null });
    expect(second?.key?.length).toBe(0);
    expect(second?.value?.length).toBe(0);
  });

  test('stamps records with the time of the append', async () => {
    const topic = await world.newTopic(1);
    const before = Date.now();
    await world.appendAll(topic, p(0), ['a', 'b']);
    const after = Date.now();
    const records = await world.readAll(topic, p(0), 0, 2);
    expect(records).toHaveLength(2);
    for (const { timestamp } of records) {
      expect(timestamp).toBeGreaterThanOrEqual(before - 50);
      expect(timestamp).toBeLessThanOrEqual(after + 50);
    }
  });
}
