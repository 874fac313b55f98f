/** What tails hand over, and when. */
import { expect, test } from 'vitest';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { appendAll, at, collect, eventually, p, record, texts } from './log-reader.ts';
import type { LogUnderTest } from './log-under-test.ts';

export function tailContract(world: LogUnderTest): void {
  test('tails a partition in order from the offset asked for', async () => {
    const topic = await world.newTopic(2);
    await world.appendAll(topic, p(0), ['0', '1', '2', '3']);
    const seen = collect(world.log, topic);
    seen.tail.assign(p(0), at(2));
    await eventually(() => expect(texts(seen.records.get(p(0)) ?? [])).toEqual(['2', '3']));
    for (let i = 4; i < 20; i++) await world.appendAll(topic, p(0), [`${i}`]);
    await eventually(() => expect(seen.records.get(p(0))).toHaveLength(18));
    expect(seen.records.get(p(0))?.map((r) => r.offset)).toEqual(Array.from({ length: 18 }, (_, i) => i + 2));
    expect(seen.progress.get(p(0))).toMatchObject({ next: 20, end: 20 });
    expect(seen.errors).toEqual([]);
    await seen.tail.stop();
  });

  test('hands over what others and this log appended, in order, also where it may know its own again', async () => {
    const topic = await world.newTopic(1);
    const other = await world.open('other');
    const seen = collect(world.log, topic, { echoes: true, sliceRecords: 2 });
    seen.tail.assign(p(0), at(0));
    await eventually(() => expect(seen.progress.has(p(0))).toBe(true));
    const rounds = ['a', 'b', 'c', 'd'];
    for (const round of rounds) {
      await world.appendAll(topic, p(0), [`${round}1`, `${round}2`, `${round}3`]);
      await appendAll(other, topic, p(0), [`${round}4`]);
      // The same bytes again, as after an answer that was lost.
      await world.appendAll(topic, p(0), [`${round}1`, `${round}2`, `${round}3`]);
    }
    const expected = rounds.flatMap((round) => [1, 2, 3, 4, 1, 2, 3].map((number) => `${round}${number}`));
    await eventually(() => expect(texts(seen.records.get(p(0)) ?? [])).toEqual(expected));
    expect(seen.records.get(p(0))).toEqual(await world.readAll(topic, p(0), 0, expected.length));
    await seen.tail.stop();
  });

  test('reports progress for an empty partition once', async () => {
    const topic = await world.newTopic(1);
    const seen = collect(world.log, topic);
    seen.tail.assign(p(0), at(0));
    await eventually(() => expect(seen.progress.get(p(0))).toMatchObject({ next: 0, end: 0 }));
    expect(seen.records.get(p(0))).toEqual([]);
    await seen.tail.stop();
    expect(seen.calls).toBe(1);
  });

  test('hands nothing over after release or stop, and moves on assign', async () => {
    const topic = await world.newTopic(1);
    await world.appendAll(topic, p(0), ['0', '1', '2']);
    const seen = collect(world.log, topic);
    seen.tail.assign(p(0), at(0));
    await eventually(() => expect(seen.records.get(p(0))).toHaveLength(3));
    seen.tail.release(p(0));
    await world.appendAll(topic, p(0), ['3']);
    seen.tail.assign(p(0), at(1));
    await eventually(() => expect(texts(seen.records.get(p(0)) ?? [])).toEqual(['0', '1', '2', '1', '2', '3']));
    await seen.tail.stop();
    const calls = seen.calls;
    await world.appendAll(topic, p(0), ['4']);
    expect(texts(await world.readAll(topic, p(0), 4, 5))).toEqual(['4']);
    expect(seen.calls).toBe(calls);
  });

  test('pauses and resumes a partition without touching the others', async () => {
    const topic = await world.newTopic(2);
    const seen = collect(world.log, topic);
    seen.tail.assign(p(0), at(0));
    seen.tail.assign(p(1), at(0));
    await eventually(() => expect(seen.progress.size).toBe(2));
    seen.tail.pause(p(0));
    await world.appendAll(topic, p(0), ['a']);
    await world.appendAll(topic, p(1), ['b']);
    await eventually(() => expect(texts(seen.records.get(p(1)) ?? [])).toEqual(['b']));
    await world.appendAll(topic, p(1), ['c']);
    await eventually(() => expect(texts(seen.records.get(p(1)) ?? [])).toEqual(['b', 'c']));
    expect(seen.records.get(p(0))).toEqual([]);
    seen.tail.resume(p(0));
    await eventually(() => expect(texts(seen.records.get(p(0)) ?? [])).toEqual(['a']));
    await seen.tail.stop();
  });

  test('holds a partition back while its handler has not settled', async () => {
    const topic = await world.newTopic(2);
    const settle: Array<() => void> = [];
    const seen: Record<number, string[]> = { 0: [], 1: [] };
    let running = 0;
    let overlapped = false;
    const tail = world.log.tail({
      topic,
      onError: () => {},
      async onRecords(partition, records) {
        seen[partition]?.push(...(texts(records) as string[]));
        if (partition !== 0) return;
        overlapped ||= ++running > 1;
        await new Promise<void>((resolve) => settle.push(resolve));
        running--;
      },
    });
    tail.assign(p(0), at(0));
    tail.assign(p(1), at(0));
    await eventually(() => expect(settle).toHaveLength(1));
    await world.appendAll(topic, p(0), ['a']);
    await world.appendAll(topic, p(1), ['b']);
    await eventually(() => expect(seen[1]).toEqual(['b']));
    await world.appendAll(topic, p(1), ['c']);
    await eventually(() => expect(seen[1]).toEqual(['b', 'c']));
    expect(seen[0]).toEqual([]);
    settle[0]?.();
    await eventually(() => expect(seen[0]).toEqual(['a']));
    expect(overlapped).toBe(false);
    let stopped = false;
    const stopping = tail.stop().then(() => {
      stopped = true;
    });
    await world.appendAll(topic, p(1), ['d']);
    expect(stopped).toBe(false);
    for (const resolve of settle) resolve();
    await stopping;
  });

  test('stops a partition with offset_out_of_range instead of jumping', async () => {
    const topic = await world.newTopic(2);
    await world.appendAll(topic, p(0), ['0', '1', '2', '3']);
    await world.appendAll(topic, p(1), ['other']);
    await world.harness.trim(topic, p(0), at(2));
    const seen = collect(world.log, topic);
    seen.tail.assign(p(0), at(0));
    seen.tail.assign(p(1), at(0));
    await eventually(() => expect(seen.errors).toHaveLength(1));
    expect(seen.errors[0]).toMatchObject({
      partition: 0,
      error: { code: 'offset_out_of_range', details: { start: 2, end: 4 } },
    });
    await eventually(() => expect(texts(seen.records.get(p(1)) ?? [])).toEqual(['other']));
    expect(seen.records.get(p(0)) ?? []).toEqual([]);
    seen.tail.assign(p(0), at(2));
    await eventually(() => expect(texts(seen.records.get(p(0)) ?? [])).toEqual(['2', '3']));
    seen.tail.assign(p(0), at(50));
    await eventually(() => expect(seen.errors).toHaveLength(2));
    expect(seen.errors[1]?.error.code).toBe('offset_out_of_range');
    await seen.tail.stop();
  });

  test('carries records up to the size limit, also where less than one was asked for, and refuses larger ones', async () => {
    const topic = await world.newTopic(1);
    const large = 'l'.repeat(1_048_576 - 100);
    await world.appendAll(topic, p(0), ['before']);
    await world.appendAll(topic, p(0), [large]);
    await world.appendAll(topic, p(0), ['after']);
    const [refused] = await world.log.append(topic, [
      { partition: p(0), records: [record(`${large}${'l'.repeat(101)}`)] },
    ]);
    expect(refused).toMatchObject({ status: 'refused', error: { code: 'too_large' } });
    const seen = collect(world.log, topic, { maxPartitionBytes: 1_000 });
    seen.tail.assign(p(0), at(0));
    await eventually(() => expect(seen.records.get(p(0))).toHaveLength(3));
    const ranged: LogRecord[] = [];
    const range = { topic, partition: p(0), from: at(0), to: at(9), maxBytesPerFetch: 1_000 };
    for await (const chunk of world.log.readRange(range)) ranged.push(...chunk);
    for (const records of [seen.records.get(p(0)), ranged]) {
      expect(records?.map((r) => r.value?.length)).toEqual([6, large.length, 5]);
    }
    await seen.tail.stop();
  });

  test('moves wherever it is assigned, whatever is on its way or being handled', async () => {
    const topic = await world.newTopic(1);
    const values = Array.from({ length: 200 }, (_, i) => `${i}`);
    await world.appendAll(topic, p(0), values);
    const seen: string[] = [];
    let jumped = false;
    const tail = world.log.tail({
      topic,
      onError: () => {},
      onRecords: (partition, records) => {
        seen.push(...(texts(records) as string[]));
        if (jumped || records.length === 0) return;
        jumped = true;
        tail.assign(partition, at(190));
      },
    });
    for (const from of [7, 199, 0, 42]) tail.assign(p(0), at(from));
    await eventually(() => expect(seen.at(-1)).toBe('199'));
    const turn = seen.lastIndexOf('190');
    expect(seen.slice(turn)).toEqual(values.slice(190));
    expect(seen.slice(0, turn)).toEqual(values.slice(42, 42 + turn));
    await tail.stop();
  });

  test('hands nothing over once pause has returned, and misses nothing by it', async () => {
    const topic = await world.newTopic(2);
    const seen = collect(world.log, topic);
    for (const partition of [p(0), p(1)]) seen.tail.assign(partition, at(0));
    for (let round = 0; round < 10; round++) {
      seen.tail.pause(p(0));
      const before = texts(seen.records.get(p(0)));
      await Promise.all([world.appendAll(topic, p(0), [`${round}`]), world.appendAll(topic, p(1), [`${round}`])]);
      await eventually(() => expect(seen.records.get(p(1))).toHaveLength(round + 1));
      expect(texts(seen.records.get(p(0)))).toEqual(before);
      seen.tail.resume(p(0));
    }
    await eventually(() => expect(seen.records.get(p(0))?.map((r) => r.offset)).toEqual([...Array(10).keys()]));
    await seen.tail.stop();
  });
}
