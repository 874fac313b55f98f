import type { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import type { Seq } from '../../core/ids.ts';
import { jsonEncoding } from '../protocol/json.ts';
import type { StoredEvent } from '../stream.ts';
import { takeSnapshot } from '../tail/snapshot.fixture.ts';
import { TestSink } from '../tail/test-sink.fixture.ts';
import { joinRoom, until } from '../tail/world.fixture.ts';
import { caughtUp, ownWorlds, seqs } from '../tail/worlds.fixture.ts';

const world = ownWorlds();

it('frames that were kept are not given to anybody once their partition had to be read again', async () => {
  const w = world({ gateway: { ringBytes: 1 } });
  w.publishMany('a', 20);
  w.publishMany('b', 10);
  await takeSnapshot(w, w.of('a'), {
    change: (capture) => ({
      ...capture,
      rooms: [...capture.rooms].map(([name, was, at]) => [name, (name === 'a' ? was - 1 : was) as Seq, at]),
    }),
  });
  const stream = await w.openStream();
  let built = 0;
  const encoding = {
    ...jsonEncoding,
    event: (event: StoredEvent): Buffer => {
      built += 1;
      return jsonEncoding.event(event);
    },
  };
  const comeBack = async (): Promise<number> => {
    built = 0;
    const { sink } = await joinRoom(stream, 'b', { kind: 'start' }, Object.assign(new TestSink(), { encoding }));
    await caughtUp(sink);
    expect(sink.seqs()).toEqual(seqs(1, 10));
    return built;
  };
  expect(await comeBack()).toBe(10);
  expect(await comeBack()).toBe(0);
  const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
  // Its seq does not follow the snapshot's.
  w.publish('a', 'after');
  await until(() => sink.seqs().at(-1) === 21);
  expect(await comeBack()).toBe(10);
});
