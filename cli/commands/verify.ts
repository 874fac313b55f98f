/** `roomlog verify`: re-reads the log and says whether it keeps its promises. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import type { Progress, Verified, VerifyOptions } from '../../consumers/verify/verify.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Partition } from '../../core/ids.ts';
import { checkRoom, topicsOf } from '../../core/names.ts';
import { addConfigOptions } from '../config.ts';
import { parseCount, parseTime } from '../duration.ts';
import { EXIT, usageError } from '../exit.ts';
import { globalOptions } from '../globals.ts';
import { openLog } from '../open-log.ts';
import { createOutput, printable } from '../output.ts';
import { readServicesConfig } from '../services.ts';
import { summaryJson, summaryText } from './verify-summary.ts';

const LISTED = '20';
/** More only wait for the brokers. */
const MAX_THREADS = 64;
const DEFAULT_THREADS = Math.min(4, availableParallelism());
const TERMINAL_EVERY_MS = 200;
const LINE_EVERY_MS = 5_000;

interface Given {
  readonly room?: string;
  readonly partition?: string;
  readonly from: string;
  readonly to?: string;
  readonly findings: string;
  readonly threads: string;
}

export function define(command: Command): void {
  addConfigOptions(command)
    .option('--room <room>', 'check one room’s contents and numbers; the chain of its whole partition')
    .option('--partition <n>', 'check one partition')
    .option('--from <where>', 'start, or time:ISO', 'start')
    .option('--to <where>', 'time:ISO; without it, to what the log holds now')
    .option('--threads <n>', 'read so many partitions at a time; memory grows with it', `${DEFAULT_THREADS}`)
    .option('--findings <n>', 'list so many findings; all are counted', LISTED)
    .action(async (_options: unknown, self: Command) => {
      const given: Given = self.optsWithGlobals();
      const globals = globalOptions(self.optsWithGlobals());
      const scope = {
        only: parseOnly(given),
        fromMs: given.from === 'start' ? null : parseAt('--from', given.from),
        toMs: given.to === undefined ? null : parseAt('--to', given.to),
        listed: parseCount('--findings', given.findings, 0),
      };
      const threads = parseCount('--threads', given.threads, 1, MAX_THREADS);
      const { config } = readServicesConfig(self, globals);
      const startedAt = performance.now();
      const progress = new ProgressLine(startedAt);
      let verified: Verified;
      try {
        verified = await check(config, scope, threads, (now) => progress.show(now));
      } finally {
        progress.end();
      }
      const cost = {
        elapsedMs: Math.round(performance.now() - startedAt),
        peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
      };
      createOutput(globals.output).result(summaryText(verified, cost), summaryJson(verified, cost));
      if (verified.findings.total > 0) process.exitCode = EXIT.finding;
    });
}

type Scope = Pick<VerifyOptions, 'only' | 'fromMs' | 'toMs' | 'listed'>;

/** One partition is read here; of several as many at a time as there are threads. */
async function check(
  config: Config,
  { only, ...scope }: Scope,
  threads: number,
  onProgress: NonNullable<VerifyOptions['onProgress']>,
): Promise<Verified> {
  if (only === null && threads > 1) {
    const { verifyOnThreads } = await import('../threads/verify-on-threads.ts');
    return await verifyOnThreads({ config, scope, threads, onProgress });
  }
  const { log, codec } = await openLog(config);
  try {
    const { verify } = await import('../../consumers/verify/verify.ts');
    const topics = topicsOf(config.stream.prefix);
    const { sessionMaxAgeMs, keyWindowMs } = config.sequencer;
    const limits = { sessionMaxAgeMs, keyWindowMs };
    return await verify({ ...scope, only, log, codec, topics, limits, onProgress });
  } finally {
    await log.close();
  }
}

function parseOnly({ room, partition }: Given): VerifyOptions['only'] {
  if (room !== undefined && partition !== undefined) throw usageError('Give --room or --partition, not both.');
  if (room !== undefined) return { room: checkRoom(room) };
  return partition === undefined ? null : { partition: parseCount('--partition', partition, 0) as Partition };
}

function parseAt(option: string, text: string): number {
  if (!text.startsWith('time:'))
    throw usageError(`${option} is ${option === '--from' ? 'start or ' : ''}time:ISO, not ${text}.`);
  return parseTime(text.slice(5));
}

/** On stderr: one line that is written over on a terminal, one every few seconds elsewhere. */
class ProgressLine {
  readonly #startedAt: number;
  readonly #onTerminal = process.stderr.isTTY === true;
  #shownAt: number;

  constructor(startedAt: number) {
    this.#startedAt = startedAt;
    this.#shownAt = startedAt;
  }

  show({ partition, records, of }: Progress): void {
    const now = performance.now();
    if (now - this.#shownAt < (this.#onTerminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS)) return;
    this.#shownAt = now;
    const rate = Math.round((records / (now - this.#startedAt)) * 1_000);
    const percent = Math.floor((records / Math.max(1, of)) * 100);
    const line = printable(`partition ${partition}: ${records} of ${of} records (${percent} %), ${rate} records/s`);
    process.stderr.write(this.#onTerminal ? `\r\u001b[K${line}` : `${line}\n`);
  }

  end(): void {
    if (this.#onTerminal) process.stderr.write('\r\u001b[K');
  }
}
