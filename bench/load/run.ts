/** Runs one of the load programs of this folder to its end. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { LoadJob, LoadResult } from './messages.ts';

const MARGIN_SECONDS = 120;
/** Samples of some hundred thousand deliveries. */
const MAX_OUTPUT_BYTES = 1 << 26;

/** @param seconds how long it is expected to send */
export async function runLoad(file: 'rooms.ts' | 'bare-loop.ts', job: LoadJob, seconds: number): Promise<LoadResult> {
  // What a bench preloads into the programs under test is not for the load.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [fileURLToPath(new URL(file, import.meta.url)), JSON.stringify(job)],
    { maxBuffer: MAX_OUTPUT_BYTES, timeout: (seconds + MARGIN_SECONDS) * 1000, env },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as LoadResult;
}
