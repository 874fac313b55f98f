import type { Buffer } from 'node:buffer';
import { afterEach, expect, it } from 'vitest';
import { jsonEncoding } from '../protocol/json.ts';
import type { StoredEvent } from '../stream.ts';
import { TestSink } from '../tail/test-sink.fixture.ts';
import { joinRoom, until, World } from '../tail/world.fixture.ts';

const ROOMS = Array.from({ length: 12 }, (_, index) => `room/${index}`);
const EVENTS = 20;

let w: World;
afterEach(() => w.close());

/** Frames built where two clients of each room come back, room after room and then all over again. */
async function framesBuilt(historyCacheBytes: number): Promise<number> {
  w = new World({ gateway: { ringBytes: 1 }, historyCacheBytes });
  for (const room of ROOMS) for (let event = 0; event < EVENTS; event += 1) w.publish(room, 'x'.repeat(1_000));
  const stream = await w.openStream();
  let built = 0;
  const encoding = {
    ...jsonEncoding,
    event: (event: StoredEvent): Buffer => {
      built += 1;
      return jsonEncoding.event(event);
    },
  };
  for (let sweep = 0; sweep < 2; sweep += 1) {
    for (const room of ROOMS) {
      const sink = Object.assign(new TestSink(), { encoding });
      await joinRoom(stream, room, { kind: 'start' }, sink);
      await until(() => sink.of('live').length === 1);
      expect(sink.seqs()).toHaveLength(EVENTS);
    }
  }
  await w.close();
  return built;
}

it('builds the frames of what clients missed once, in whatever order of rooms they come', async () => {
  expect(await framesBuilt(2_000_000)).toBe(ROOMS.length * EVENTS);
});

it('keeps no more of them than half of what is kept of the log', async () => {
  expect(await framesBuilt(200_000)).toBe(2 * ROOMS.length * EVENTS);
});
