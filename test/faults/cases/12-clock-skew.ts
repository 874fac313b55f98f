/**
 * Case 12: every process has another wall clock, up to ten minutes fast or slow, while sequencers are killed, so that partitions
 * go back and forth between a clock that is fast and one that is slow. Log time, and with it every decision, is the brokers'.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FaultCase } from '../case.ts';
import { othersOwnAll } from './03-zombie-sequencer.ts';

const TEN_MINUTES_MS = 600_000;
const OFFSETS_MS: Readonly<Record<string, number>> = {
  'gateway-1': TEN_MINUTES_MS,
  'gateway-2': -TEN_MINUTES_MS,
  'sequencer-1': -TEN_MINUTES_MS,
  'sequencer-2': TEN_MINUTES_MS,
};

export const clockSkew: FaultCase = {
  number: 12,
  name: 'clock skew of 10 minutes',
  seconds: 40,
  setting: (name) => ({
    preloads: [fileURLToPath(new URL('../preload/clock-offset.ts', import.meta.url))],
    environment: { ROOMLOG_TEST_CLOCK_OFFSET_MS: `${OFFSETS_MS[name] ?? 0}` },
  }),
  async run(world) {
    const { processes, roomlog } = world;
    await world.repeat(async (round) => {
      const victim = roomlog.sequencers[round % roomlog.sequencers.length] ?? '';
      await world.fault({
        name: 'sequencer-killed-under-skew',
        async make() {
          await world.allOwned();
          world.strike();
          await processes.kill(victim);
        },
        seen: () => !processes.isAlive(victim) && `${victim} gone; clocks by their logs: ${clocks(world)}`,
        async heal() {
          await othersOwnAll(world, victim);
          await processes.restart(victim);
        },
        recovery: 'begin',
      });
    });
    for (const [name, offsetMs] of Object.entries(OFFSETS_MS)) {
      const seenMs = skewOf(processes.logFile(name));
      if (Math.abs(seenMs - offsetMs) > TEN_MINUTES_MS / 2) {
        world.problems.push(`${name}'s clock was off by ${seenMs} ms, not by ${offsetMs}`);
      }
    }

    function clocks(here: typeof world): string {
      return Object.keys(OFFSETS_MS)
        .map((name) => `${name} ${Math.round(skewOf(here.processes.logFile(name)) / 60_000)} min`)
        .join(', ');
    }
  },
};

/** How far the time of the newest line of a process's log is from this process's clock; lines of the last minutes are as good as new. */
function skewOf(logFile: string): number {
  const times = [...readFileSync(logFile, 'utf8').matchAll(/"time":(?:"([^"]+)"|(\d+))/g)];
  const [, iso, ms] = times.at(-1) ?? [];
  return (iso === undefined ? Number(ms) : Date.parse(iso)) - Date.now();
}
