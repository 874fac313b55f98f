/** Case 19: sequencers join and leave the group every two seconds; every partition makes progress all the time. */
import { sequencerName } from '../../../scripts/stack/roomlog.ts';
import type { FaultCase } from '../case.ts';
import { monotonicMs } from '../load/recorder.ts';

/** Two guests come and go; with the time that a start takes that is a change every two seconds, or less. */
const STAYS_MS = 2_000;
const POLL_MS = 100;
/** Longest time for which a partition may stand still. */
const PROGRESS_WITHIN_MS = 10_000;
const LEAST_CHANGES = 6;

export const groupChurn: FaultCase = {
  number: 19,
  name: 'members join and leave the group every 2 s',
  seconds: 40,
  async run(world) {
    const { processes, roomlog } = world;
    const guests = [roomlog.sequencers.length + 1, roomlog.sequencers.length + 2];
    const claimsBefore = await world.metrics(roomlog.sequencers, 'roomlog_claims_total');
    const beganAt = monotonicMs();
    let changes = 0;
    let longestMs = 0;
    const goesOn = (): boolean => changes < LEAST_CHANGES || world.secondsLeft > 0;
    /** Joins, stays, leaves, and again. */
    const guest = async (number: number): Promise<void> => {
      while (goesOn()) {
        await processes.start(roomlog.sequencer(number));
        changes += 1;
        await world.pass(STAYS_MS);
        await processes.stop(sequencerName(number));
        changes += 1;
      }
    };
    let over = false;
    const watch = async (): Promise<void> => {
      for (; !over; await world.pass(POLL_MS)) {
        for (const at of world.totals.ackedAt) longestMs = Math.max(longestMs, monotonicMs() - Math.max(at, beganAt));
      }
    };
    await world.fault({
      name: 'group-churn',
      async make() {
        const watching = watch();
        await Promise.all(guests.map((number) => guest(number))).finally(() => {
          over = true;
        });
        await watching;
      },
      async seen() {
        const claims = (await world.metrics(roomlog.sequencers, 'roomlog_claims_total')) - claimsBefore;
        const every = (monotonicMs() - beganAt) / 1_000 / changes;
        if (claims === 0) return false;
        return `${changes} joins and leaves, one every ${every.toFixed(1)} s; ${claims} claims by those who stayed`;
      },
      recovery: 'heal',
    });
    world.notes.push(`longest time without an ack in a partition: ${(longestMs / 1_000).toFixed(1)} s`);
    if (longestMs > PROGRESS_WITHIN_MS) world.problems.push(`a partition stood still for ${Math.round(longestMs)} ms`);
  },
};
