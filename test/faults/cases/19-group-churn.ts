/** Case 19: sequencers join and leave the group every two seconds; every partition makes progress all the time. */
import { sequencerName } from '../../../scripts/stack/roomlog.ts';
import type { FaultCase } from '../case.ts';
import { monotonicMs } from '../load/recorder.ts';

const EVERY_MS = 2_000;
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
    const stopping: Promise<unknown>[] = [];
    await world.fault({
      name: 'group-churn',
      async make() {
        while (changes < LEAST_CHANGES || world.secondsLeft > 0) {
          const number = guests[changes % 2] ?? 0;
          const name = sequencerName(number);
          const runs = processes.names(/^sequencer-/).includes(name) && processes.isAlive(name);
          if (runs) stopping.push(processes.stop(name));
          else processes.launch(roomlog.sequencer(number));
          changes += 1;
          for (let waited = 0; waited < EVERY_MS; waited += POLL_MS) {
            await world.pass(POLL_MS);
            for (const at of world.totals.ackedAt) {
              longestMs = Math.max(longestMs, monotonicMs() - Math.max(at, beganAt));
            }
          }
        }
      },
      async seen() {
        const claims = (await world.metrics(roomlog.sequencers, 'roomlog_claims_total')) - claimsBefore;
        return claims > 0 && `${changes} joins and leaves, ${claims} claims by those who stayed`;
      },
      async heal() {
        await Promise.all(stopping);
        const alive = guests.map(sequencerName).filter((name) => processes.isAlive(name));
        await Promise.all(alive.map((name) => processes.stop(name)));
      },
      recovery: 'heal',
    });
    world.notes.push(`longest time without an ack in a partition: ${(longestMs / 1_000).toFixed(1)} s`);
    if (longestMs > PROGRESS_WITHIN_MS) world.problems.push(`a partition stood still for ${Math.round(longestMs)} ms`);
  },
};
