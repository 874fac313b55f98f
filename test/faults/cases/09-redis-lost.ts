/** Case 9: Redis is killed, restarted without its data, and emptied while it runs. Durable messages must not notice. */
import { Redis } from 'ioredis';
import { redisPort } from '../../../scripts/stack/ports.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import type { World } from '../world.ts';

const HELD_MS = 4_000;
const BACK_WITHIN_MS = 30_000;

export const redisLost: FaultCase = {
  number: 9,
  name: 'Redis killed, restarted, FLUSHALL',
  seconds: 30,
  async run(world) {
    const { processes, roomlog } = world;
    await world.repeat(async () => {
      await world.fault({
        name: 'redis-killed',
        async make() {
          await processes.kill('redis');
          await durableGoesOn(world, 'without Redis');
        },
        async seen() {
          const up = await world.metrics(roomlog.gateways, 'roomlog_redis_up');
          return !processes.isAlive('redis') && up === 0 && 'Redis gone, and every gateway says so';
        },
        heal: () => processes.restart('redis'),
        recovery: 'begin',
      });
      const redis = new Redis(redisPort(world.cluster.portBase), '127.0.0.1');
      try {
        let keys = 0;
        await world.fault({
          name: 'redis-emptied',
          async make() {
            // 0 would be an answer.
            keys = await waitFor(async () => (await redis.dbsize()) || null, {
              what: 'presence in Redis again',
              withinMs: BACK_WITHIN_MS,
            });
            world.strike();
            await redis.flushall();
            await durableGoesOn(world, 'after FLUSHALL');
          },
          seen: () => keys > 0 && `${keys} keys thrown away`,
          recovery: 'begin',
        });
      } finally {
        redis.disconnect();
      }
    });
    const up = await world.metrics(roomlog.gateways, 'roomlog_redis_up');
    if (up < roomlog.gateways.length) world.problems.push(`only ${up} gateways use Redis again`);
  },
};

/** Every partition acks publishes that were sent from now on. */
async function durableGoesOn(world: World, when: string): Promise<void> {
  const before = world.totals.acked;
  await world.recovered();
  await world.pass(HELD_MS);
  await world.recovered();
  const acked = world.totals.acked - before;
  world.notes.push(`${acked} publishes acked ${when}`);
}
