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
/** After this nothing moves: what was past the first latency when holding began has been answered, all else is held. */
const SETTLED_MS = LATE_MS + 500;
/** Moments to freeze it that are tried until one of its appends is held. */
const MOMENTS = 8;
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
      await world.fault({
        name: 'sequencer-frozen',
        async make() {
          const late = (latency: number): Promise<() => Promise<void>> =>
            network.add([roleOf(zombie)], { type: 'latency', stream: 'upstream', attributes: { latency } });
          const quicken = await late(LATE_MS);
          // Behind the first: what that one lets go is held here.
          const release = await withAppendHeld(world, zombie, () => late(HELD_MS));
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
          return late > 0 && `${zombie} lost its partitions, and ${late} of its records arrived after the new claims`;
        },
        recovery: 'begin',
      });
    });
  },
};

/**
 * Holds the sequencer's requests at a moment at which an append is among them, so that it is sure to arrive late. Returns what lets them go.
 * Throws where no such moment was found: then there is no load, or it does not append.
 */
async function withAppendHeld(
  world: World,
  zombie: string,
  hold: () => Promise<() => Promise<void>>,
): Promise<() => Promise<void>> {
  for (let moment = 0; moment < MOMENTS; moment++) {
    await world.pass(STEADY_MS);
    const release = await hold();
    await world.pass(SETTLED_MS);
    if ((await world.partitionsOf(zombie)).some(({ appending }) => appending)) return release;
    await release();
  }
  throw new Error(`none of ${MOMENTS} looks found an append of ${zombie} under way`);
}

/** Waits until the other sequencers process every partition. */
export async function othersOwnAll(world: World, without: string): Promise<void> {
  const others = world.roomlog.sequencers.filter((name) => name !== without);
  await world.owned(others, 30_000);
}

/** Outbound records of fenced writers, as the first gateway has folded them. */
async function staleRecords(world: World): Promise<number> {
  return await world.metric('gateway-1', 'roomlog_outbound_records_total', { verdict: 'stale' });
}
