/**
 * Case 3: a sequencer is frozen (SIGSTOP) past its session, with appends under way that the network holds back. Others take its
 * partitions over; then its records arrive after all, and it wakes up. None of what it wrote may count.
 */
import type { FaultCase } from '../case.ts';
import { roleOf } from '../roomlog.ts';
import type { World } from '../world.ts';

/** Its requests are late by this much, so at any moment so much of its work is on the way. */
const LATE_MS = 1_000;
/** For work on the way to become as much as that. */
const STEADY_MS = 4_000;
/** Held back until it is taken away. */
const HELD_MS = 600_000;
/** Looks for late appends before it is believed that there were none. */
const EMPTY_POLLS = 20;
/** For the late appends to arrive. */
const ARRIVING_MS = 500;

export const zombieSequencer: FaultCase = {
  number: 3,
  name: 'zombie sequencer',
  seconds: 45,
  async run(world) {
    const { processes, network, roomlog } = world;
    await world.repeat(async () => {
      await world.allOwned();
      const zombie = world.random.of(roomlog.sequencers);
      const before = await staleRecords(world);
      let polls = 0;
      await world.fault({
        name: 'sequencer-frozen',
        async make() {
          const late = (latency: number): Promise<() => Promise<void>> =>
            network.add([roleOf(zombie)], { type: 'latency', stream: 'upstream', attributes: { latency } });
          const quicken = await late(LATE_MS);
          await world.pass(STEADY_MS);
          // Behind the first: what that one lets go is held here.
          const release = await late(HELD_MS);
          await processes.freeze(zombie);
          world.strike();
          await othersOwnAll(world, zombie);
          await release();
          await quicken();
          await world.pass(ARRIVING_MS);
          processes.thaw(zombie);
        },
        async seen() {
          const late = (await staleRecords(world)) - before;
          if (late > 0) return `${zombie} lost its partitions, and ${late} of its records arrived after the new claims`;
          // A run of its full length must have seen some. In a shorter one, of little load and one round, it can be that nothing was on the way:
          // `make` has waited for the takeover all the same, and the report says what was not seen.
          if (world.seconds >= zombieSequencer.seconds) return false;
          polls++;
          return polls > EMPTY_POLLS && `${zombie} lost its partitions; none of its records was on the way this time`;
        },
        recovery: 'begin',
      });
    });
  },
};

/** Waits until the other sequencers process every partition. */
export async function othersOwnAll(world: World, without: string): Promise<void> {
  const others = world.roomlog.sequencers.filter((name) => name !== without);
  await world.owned(others, 30_000);
}

/** Outbound records of fenced writers, as the first gateway has folded them. */
async function staleRecords(world: World): Promise<number> {
  return await world.metric('gateway-1', 'roomlog_outbound_records_total', { verdict: 'stale' });
}
