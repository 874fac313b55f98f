/** A sequencer in a process of its own that tells its parent what it uses, when asked. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startSequencer } from '../../consumers/sequencer/main.ts';
import { configSchema } from '../../core/config/schema.ts';

export interface Memory {
  readonly heapBytes: number;
  /** Buffers and typed arrays outside of the heap. */
  readonly externalBytes: number;
  readonly rssBytes: number;
}

export interface Usage {
  /** User and system. */
  readonly cpuMs: number;
  /** The longest since this was last asked. */
  readonly stallMs: number;
}

const NS_PER_MS = 1e6;
const RESOLUTION_MS = 10;
const COLLECTIONS = 3;
const BETWEEN_MS = 300;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
loop.enable();
const sequencer = await startSequencer(configSchema.parse(JSON.parse(process.argv[2] ?? '{}')));

/** Finalisers of one collection free what the next one finds, and buffers are given back beside the loop. */
async function memory(): Promise<Memory> {
  for (let count = 0; count < COLLECTIONS; count += 1) {
    collect();
    await delay(BETWEEN_MS);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapBytes: heapUsed, externalBytes: external, rssBytes: rss };
}

function usage(): Usage {
  const stallMs = Math.max(0, loop.max / NS_PER_MS - RESOLUTION_MS);
  loop.reset();
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1_000, stallMs };
}

process.on('message', (word) => {
  if (word === 'memory') void memory().then((found) => process.send?.(found));
  else if (word === 'usage') process.send?.(usage());
  else void sequencer.stop().then(() => process.exit(0));
});
process.on('disconnect', () => process.exit(1));
process.send?.('ready');
