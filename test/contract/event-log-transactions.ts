/** What readers see of foreign transactions. */
import { expect, test } from 'vitest';
import { at, collect, eventually, p, texts } from './log-reader.ts';
import type { LogUnderTest } from './log-under-test.ts';

export function transactionContract(world: LogUnderTest): void {
  test('shows nothing of an aborted transaction and goes past it', async () => {
    const topic = await world.newTopic(1);
    await world.appendAll(topic, p(0), ['before']);
    await world.abortTransaction(topic, p(0));
    const after = await world.appendAll(topic, p(0), ['after']);
    await world.abortTransaction(topic, p(0));
    const seen = collect(world.log, topic);
    seen.tail.assign(p(0), at(0));
    await eventually(() => {
      const { next = 0, end = 0 } = seen.progress.get(p(0)) ?? {};
      expect(next).toBe(end);
      expect(next).toBeGreaterThan(after + 2);
    });
    const end = (await world.log.ranges(topic)).get(p(0))?.end ?? 0;
    expect(end).toBe(seen.progress.get(p(0))?.next);
    expect(texts(seen.records.get(p(0)) ?? [])).toEqual(['before', 'after']);
    expect(texts(await world.readAll(topic, p(0), 0, end))).toEqual(['before', 'after']);
    await seen.tail.stop();
  });

  test('shows a transaction once it is committed, and waits for one that hangs instead of going past it', async () => {
    const topic = await world.newTopic(1);
    await world.appendAll(topic, p(0), ['before']);
    const hung = await world.harness.transaction(topic, p(0));
    await hung.write('in it');
    await world.appendAll(topic, p(0), ['behind it']);
    const seen = collect(world.log, topic);
    seen.tail.assign(p(0), at(0));
    await eventually(() => expect(seen.progress.get(p(0))).toEqual({ next: 1, end: 1, written: 3 }));
    expect(texts(seen.records.get(p(0)))).toEqual(['before']);
    expect((await world.log.ranges(topic)).get(p(0))).toEqual({ start: 0, end: 1 });
    expect(texts(await world.readAll(topic, p(0), 0, 10))).toEqual(['before']);
    expect((await world.log.offsetsAt(topic, Date.now() + 3_600_000)).get(p(0))).toBe(1);
    expect(texts(seen.records.get(p(0)))).toEqual(['before']);
    await hung.commit();
    await eventually(() => expect(texts(seen.records.get(p(0)))).toEqual(['before', 'in it', 'behind it']));

    const aborted = await world.harness.transaction(topic, p(0));
    await aborted.write('never seen');
    await world.appendAll(topic, p(0), ['behind that']);
    await eventually(() => expect(seen.progress.get(p(0))).toMatchObject({ end: 4, written: 6 }));
    await aborted.abort();
    await eventually(() => expect(seen.progress.get(p(0))).toEqual({ next: 7, end: 7, written: 7 }));
    expect(texts(seen.records.get(p(0)))).toEqual(['before', 'in it', 'behind it', 'behind that']);
    expect(texts(await world.readAll(topic, p(0), 0, 10))).toEqual(texts(seen.records.get(p(0))));
    await seen.tail.stop();
  });
}
