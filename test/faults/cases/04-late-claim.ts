/**
 * Case 4: a sequencer stops between its assignment and its claim, until somebody else owns the partition. First its claim never
 * left the process: it must not send it any more. Then its claim was on its way: it arrives and fences the rightful owner, who
 * must win the partition back, and the duel must end.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import type { World } from '../world.ts';
import { othersOwnAll } from './03-zombie-sequencer.ts';

const LATE = 'sequencer-2';
const HOLD = join(tmpdir(), `roomlog-faults-hold-${process.pid}`);
const HELD_MS = 600_000;
const LEAVING_MS = 500;
/** Without a claim for so long, a duel is over. */
const QUIET_MS = 3_000;
const DUEL_WITHIN_MS = 30_000;

export const lateClaim: FaultCase = {
  number: 4,
  name: 'pause between assignment and claim',
  seconds: 45,
  setting: (name) =>
    name === LATE
      ? {
          preloads: [fileURLToPath(new URL('../preload/hold-appends.ts', import.meta.url))],
          environment: { ROOMLOG_TEST_HOLD: `claims:${HOLD}` },
        }
      : {},
  async run(world) {
    const { processes, network } = world;
    try {
      await world.repeat(async () => {
        await world.fault({
          name: 'paused-before-claim',
          async make() {
            await beginClaim(world);
            await processes.freeze(LATE);
            rmSync(HOLD, { force: true });
            await othersOwnAll(world, LATE);
            processes.thaw(LATE);
          },
          seen: () => `${LATE} was assigned, froze before its claim and lost its partitions`,
          recovery: 'heal',
        });
        await duelIsOver(world);
        const before = await world.metric('sequencer-1', 'roomlog_fenced_total');
        await world.fault({
          name: 'claim-arrives-late',
          async make() {
            await beginClaim(world);
            const release = await network.add(['sequencer-2'], {
              type: 'latency',
              stream: 'upstream',
              attributes: { latency: HELD_MS },
            });
            rmSync(HOLD, { force: true });
            await world.pass(LEAVING_MS);
            await processes.freeze(LATE);
            await othersOwnAll(world, LATE);
            await release();
          },
          async seen() {
            const fenced = (await world.metric('sequencer-1', 'roomlog_fenced_total')) - before;
            return fenced > 0 && `late claims fenced the new owner in ${fenced} partitions`;
          },
          heal: async () => processes.thaw(LATE),
          recovery: 'heal',
        });
        await duelIsOver(world);
      });
    } finally {
      rmSync(HOLD, { force: true });
      rmSync(`${HOLD}.held`, { force: true });
    }
  },
};

/** Starts the sequencer anew; resolves when it was assigned partitions and is about to claim. */
async function beginClaim(world: World): Promise<void> {
  const { processes } = world;
  if (processes.isAlive(LATE)) await processes.stop(LATE);
  await othersOwnAll(world, LATE);
  writeFileSync(HOLD, '');
  rmSync(`${HOLD}.held`, { force: true });
  processes.launch(processes.service(LATE));
  await waitFor(() => existsSync(`${HOLD}.held`), { what: `${LATE} about to claim`, withinMs: 60_000, pollMs: 5 });
}

/** Waits until nobody has claimed anything for a while, and everything is owned. */
async function duelIsOver(world: World): Promise<void> {
  const claims = (): Promise<number> => world.metrics(world.roomlog.sequencers, 'roomlog_claims_total');
  const began = performance.now();
  let count = await claims();
  let since = performance.now();
  await waitFor(
    async () => {
      const now = await claims();
      if (now !== count) since = performance.now();
      count = now;
      return performance.now() - since > QUIET_MS;
    },
    { what: 'an end of the duel of claims', withinMs: DUEL_WITHIN_MS },
  );
  await world.allOwned();
  world.notes.push(`no claim after ${((since - began) / 1_000).toFixed(1)} s`);
}
