/** Case 16: every process is stopped and started again in turn, as an upgrade does it; clients are told, and lose nothing. */
import type { FaultCase } from '../case.ts';

/** `gateway.drainWindowMs` of the local stack is 500 ms; the rest is for a slow machine. */
const DRAIN_WITHIN_MS = 8_000;

export const rollingRestart: FaultCase = {
  number: 16,
  name: 'rolling restart under load',
  seconds: 30,
  load: { churnPerSecond: 0 },
  async run(world) {
    const { processes, roomlog } = world;
    const longest = { gateway: 0, sequencer: 0 };
    await world.repeat(async () => {
      for (const name of [...roomlog.sequencers, ...roomlog.gateways]) {
        const kind = name.startsWith('gateway-') ? 'gateway' : 'sequencer';
        const closedBefore = world.totals.closes['1006'] ?? 0;
        await world.fault({
          name: `${kind}-restarted`,
          async make() {
            longest[kind] = Math.max(longest[kind], await processes.stop(name));
          },
          seen: () => !processes.isAlive(name) && `${name} stopped by itself on SIGTERM`,
          heal: () => processes.restart(name),
          recovery: 'begin',
        });
        const cut = (world.totals.closes['1006'] ?? 0) - closedBefore;
        if (cut > 0) world.problems.push(`${cut} connections ended with 1006 when ${name} was restarted`);
      }
    });
    world.notes.push(`longest stop: gateway ${seconds(longest.gateway)}, sequencer ${seconds(longest.sequencer)}`);
    if (longest.gateway > DRAIN_WITHIN_MS) world.problems.push(`a drain took ${seconds(longest.gateway)}`);
  },
};

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
