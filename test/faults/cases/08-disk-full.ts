/**
 * Case 8: a broker's disk is full: its next append fails, Kafka takes the folder offline and, having no other, ends. The others go
 * on. Its data lies on a small tmpfs for this, so the case needs leave to mount one (root on Linux).
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import type { World } from '../world.ts';

const BROKER = 'kafka-3';
/** Room for what the broker writes before it is filled up, beside what it has. Indexes of 10 MB are sparse, and count as they are written. */
const ROOM_MIB = 96;
const CHUNK = Buffer.alloc(1_048_576, 1);
const ENDS_WITHIN_MS = 60_000;
const HELD_MS = 2_000;

export const diskFull: FaultCase = {
  number: 8,
  name: 'broker’s disk full',
  seconds: 30,
  async run(world) {
    const disk = new SmallDisk(join(world.cluster.paths.dataDir, BROKER));
    await moved(world, () => disk.put());
    try {
      await world.repeat(async () => {
        await world.fault({
          name: 'disk-full',
          async make() {
            world.strike();
            disk.fill();
            await waitFor(() => !world.processes.isAlive(BROKER), {
              what: `${BROKER} to give up`,
              withinMs: ENDS_WITHIN_MS,
              pollMs: 200,
            });
          },
          seen: () => {
            const log = readFileSync(world.processes.logFile(BROKER), 'utf8');
            return /No space left on device/.test(log) && `${BROKER} ended: no space left on device`;
          },
          holdMs: HELD_MS,
          async heal() {
            disk.free();
            await world.processes.kill(BROKER);
            await world.processes.restart(BROKER);
          },
          recovery: 'begin',
        });
      });
    } finally {
      await moved(world, () => disk.takeAway());
    }
  },
};

/** Stops the broker for it, and starts it again. */
async function moved(world: World, move: () => void): Promise<void> {
  if (world.processes.isAlive(BROKER)) await world.processes.stop(BROKER);
  move();
  await world.processes.restart(BROKER);
  await world.recovered();
}

/** A tmpfs in the place of a folder, with the folder's files. */
class SmallDisk {
  readonly #dir: string;
  readonly #aside: string;
  readonly #filler: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.#aside = `${dir}.aside`;
    this.#filler = join(dir, 'filler');
  }

  put(): void {
    const usedKib = Number(execFileSync('du', ['-sk', this.#dir], { encoding: 'utf8' }).split('\t')[0]);
    renameSync(this.#dir, this.#aside);
    mkdirSync(this.#dir);
    const size = `size=${usedKib + ROOM_MIB * 1_024}k`;
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'roomlog-faults', this.#dir], { stdio: 'pipe' });
    } catch (cause) {
      rmSync(this.#dir, { recursive: true });
      renameSync(this.#aside, this.#dir);
      throw new Error('a small tmpfs could not be mounted, so no disk can be full here (it takes root)', { cause });
    }
    copy(this.#aside, this.#dir);
  }

  /** Until nothing more fits. */
  fill(): void {
    for (let left = 1_000_000; left > 0; left--) {
      try {
        appendFileSync(this.#filler, CHUNK);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
        throw error;
      }
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  takeAway(): void {
    this.free();
    rmSync(this.#aside, { recursive: true, force: true });
    copy(this.#dir, this.#aside);
    execFileSync('umount', [this.#dir], { stdio: 'pipe' });
    rmSync(this.#dir, { recursive: true });
    renameSync(this.#aside, this.#dir);
  }
}

/** Holes stay holes: Kafka's indexes are made of them. */
function copy(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  execFileSync('cp', ['-a', '--sparse=always', `${from}/.`, to], { stdio: 'pipe' });
}
