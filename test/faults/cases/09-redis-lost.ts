/** Case 9: Redis is killed, restarted without its data, and emptied while it runs. Durable messages must not notice. */
import { Redis } from 'ioredis';
import { redisPort } from '../../../scripts/stack/ports.ts';
import type { FaultCase } from '../case.ts';
import type { World } from '../world.ts';

const HELD_MS = 4_000;

export const redisLost: FaultCase = {
  number: 9,
  name: 'Redis killed, restarted, FLUSHALL',
  seconds: 30,
  async run(world) {
    const { processes, roomlog } = world;
    await world.repeat(async () => {
      const failedBefore = await failedCalls(world);
      await world.fault({
        name: 'redis-killed',
        async make() {
          await processes.kill('redis');
          await durableGoesOn(world, 'without Redis');
        },
        async seen() {
          const failed = (await failedCalls(world)) - failedBefore;
          return !processes.isAlive('redis') && failed > 0 && `Redis gone; ${failed} calls of gateways failed`;
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
            keys = await redis.dbsize();
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
    const reachable = await Promise.all(roomlog.gateways.map((name) => world.metric(name, 'roomlog_members')));
    world.notes.push(`members at the end, by gateway: ${reachable.join(', ')}`);
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

const failedCalls = (world: World): Promise<number> =>
  world.metrics(world.roomlog.gateways, 'roomlog_redis_calls_total', { outcome: 'failed' });
