/** Case 5: one of three brokers is killed, and service goes on; then two, and publishes are refused, never lost. */
import type { FaultCase } from '../case.ts';
import { monotonicMs } from '../load/recorder.ts';

const HELD_MS = 2_000;
/** No publish may be acked so long after two brokers are gone; what was under way may still be. */
const UNDER_WAY_MS = 3_000;
const BOTH_GONE_MS = 3_000;

export const brokerKilled: FaultCase = {
  number: 5,
  name: 'broker killed, 1 of 3, then 2 of 3',
  seconds: 60,
  async run(world) {
    const { processes } = world;
    await world.repeat(async () => {
      const one = `kafka-${world.random.between(1, 3)}`;
      await world.fault({
        name: 'one-broker-killed',
        async make() {
          const began = monotonicMs();
          await processes.kill(one);
          await world.recovered(began);
        },
        seen: () => !processes.isAlive(one) && `${one} gone, and every partition acked without it`,
        holdMs: HELD_MS,
        heal: () => processes.restart(one),
        recovery: 'begin',
      });
      const left = world.random.between(1, 3);
      const two = [1, 2, 3].filter((node) => node !== left).map((node) => `kafka-${node}`);
      const refusedBefore = world.totals.errors.unavailable ?? 0;
      await world.fault({
        name: 'two-brokers-killed',
        async make() {
          await processes.kill(...two);
          await world.pass(UNDER_WAY_MS);
          const acked = world.totals.acked;
          await world.pass(BOTH_GONE_MS);
          const more = world.totals.acked - acked;
          if (more > 0) world.problems.push(`${more} publishes were acked with two of three brokers gone`);
        },
        seen: () => {
          const refused = (world.totals.errors.unavailable ?? 0) - refusedBefore;
          return refused > 0 && `${two.join(' and ')} gone; nothing acked, ${refused} publishes refused as unavailable`;
        },
        heal: async () => void (await Promise.all(two.map((name) => processes.restart(name)))),
        recovery: 'heal',
      });
    });
  },
};
