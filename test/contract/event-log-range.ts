/** What reads of a range give. */
import { expect, test } from 'vitest';
import { at, eventually, p, texts } from './log-reader.ts';
import type { LogUnderTest } from './log-under-test.ts';

export function rangeContract(world: LogUnderTest): void {
  test('reads a range exactly, and never past the end as of the call', async () => {
    const topic = await world.newTopic(1);
    const values = Array.from({ length: 50 }, (_, i) => `${i}`);
    for (let i = 0; i < 50; i += 10) await world.appendAll(topic, p(0), values.slice(i, i + 10));
    expect(texts(await world.readAll(topic, p(0), 3, 41))).toEqual(values.slice(3, 41));
    expect(texts(await world.readAll(topic, p(0), 45, 1_000))).toEqual(values.slice(45));
    expect(await world.readAll(topic, p(0), 50, 60)).toEqual([]);
    expect(await world.readAll(topic, p(0), 7, 7)).toEqual([]);
  });

  test('throws offset_out_of_range for a range that retention has passed', async () => {
    const topic = await world.newTopic(1);
    await world.appendAll(topic, p(0), ['0', '1', '2', '3']);
    await world.harness.trim(topic, p(0), at(3));
    await expect(world.readAll(topic, p(0), 1, 4)).rejects.toMatchObject({ code: 'offset_out_of_range' });
    expect(texts(await world.readAll(topic, p(0), 3, 4))).toEqual(['3']);
    expect((await world.log.ranges(topic, [p(0)])).get(p(0))).toEqual({ start: 3, end: 4 });
  });

  test('ends after one fetch where asked to, with all that it brought', async () => {
    const topic = await world.newTopic(1);
    for (const value of ['a', 'b', 'c']) await world.appendAll(topic, p(0), [value.repeat(600), value.repeat(600)]);
    const read = async (from: number, maxBytesPerFetch: number): Promise<number[]> => {
      const offsets: number[] = [];
      const range = { topic, partition: p(0), from: at(from), to: at(6), maxBytesPerFetch, oneFetch: true };
      for await (const chunk of world.log.readRange(range)) offsets.push(...chunk.map(({ offset }) => offset));
      return offsets;
    };
    const first = await read(0, 1_000);
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBeLessThan(6);
    const rest = await read(first.length, 1_000_000);
    expect([...first, ...rest]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await read(6, 1_000)).toEqual([]);
  });

  test('leaves keys out where nobody wants them', async () => {
    const topic = await world.newTopic(1);
    const records = ['a', '', null].map((key) => ({
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(`${key}`),
    }));
    await world.log.append(topic, [{ partition: p(0), records }]);
    const read = async (keys?: boolean) => {
      const found: Array<[key: string | null, value: string]> = [];
      const range = { topic, partition: p(0), from: at(0), to: at(3), ...(keys === undefined ? {} : { keys }) };
      for await (const chunk of world.log.readRange(range)) {
        for (const { key, value } of chunk) found.push([key === null ? null : `${key}`, `${value}`]);
      }
      return found;
    };
    const whole = [
      ['a', 'a'],
      ['', ''],
      [null, 'null'],
    ];
    expect(await read()).toEqual(whole);
    expect(await read(true)).toEqual(whole);
    expect(await read(false)).toEqual(whole.map(([, value]) => [null, value]));
  });

  test('ends a range read when its signal is aborted', async () => {
    const topic = await world.newTopic(1);
    await world.appendAll(topic, p(0), ['0', '1']);
    const abort = new AbortController();
    abort.abort();
    const reading = world.log.readRange({ topic, partition: p(0), from: at(0), to: at(2), signal: abort.signal });
    for await (const _ of reading) throw new Error('a chunk came');
  });

  test('finds offsets by time', async () => {
    const topic = await world.newTopic(2);
    await world.appendAll(topic, p(0), ['0']);
    const [first] = await world.readAll(topic, p(0), 0, 1);
    const then = (first?.timestamp ?? 0) + 1;
    await eventually(() => expect(Date.now()).toBeGreaterThan(then + 5));
    await world.appendAll(topic, p(0), ['1', '2']);
    expect([...(await world.log.offsetsAt(topic, then))]).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect((await world.log.offsetsAt(topic, 0, [p(0)])).get(p(0))).toBe(0);
    expect((await world.log.offsetsAt(topic, Date.now() + 3_600_000, [p(0)])).get(p(0))).toBe(3);
  });
}
