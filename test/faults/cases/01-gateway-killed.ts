/** Case 1: gateways are killed, one and then all; their clients resume on others, by cursor. */
import type { FaultCase } from '../case.ts';

const HELD_MS = 1_500;

export const gatewayKilled: FaultCase = {
  number: 1,
  name: 'gateway killed (-9), one and all',
  seconds: 40,
  async run(world) {
    const { processes, roomlog } = world;
    await world.repeat(async (round) => {
      const one = world.random.of(roomlog.gateways);
      await world.fault({
        name: 'gateway-killed',
        make: () => processes.kill(one),
        seen: () => !processes.isAlive(one) && `${one} gone`,
        holdMs: HELD_MS,
        heal: () => processes.restart(one),
        recovery: 'begin',
      });
      // Every third round, beginning with the first.
      if (round % 3 !== 1) return;
      const all = roomlog.gateways;
      await world.fault({
        name: 'all-gateways-killed',
        make: () => processes.kill(...all),
        seen: () =>
          !all.some((name) => processes.isAlive(name)) && world.totals.open === 0 && 'all gone, no client connected',
        holdMs: HELD_MS,
        heal: async () => void (await Promise.all(all.map((name) => processes.restart(name)))),
        recovery: 'heal',
      });
    });
  },
};
