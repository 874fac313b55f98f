/** `roomlog replay`: past events straight from Kafka, as the fold has them. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import type { ReplayFrom } from '../../consumers/replay/replay.ts';
import { checkRoom } from '../../core/names.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import { addConfigOptions } from '../config.ts';
import { parseCount, parseTime } from '../duration.ts';
import { usageError } from '../exit.ts';
import { globalOptions } from '../globals.ts';
import { openLogWith, openSchemas } from '../open-log.ts';
import { readServicesConfig } from '../services.ts';
import type { ReplaySetting } from '../threads/line-batches.ts';
import type { Printed, ReplayOnThreads } from '../threads/replay-on-threads.ts';

/** More only wait for the brokers. */
const MAX_THREADS = 64;
const DEFAULT_THREADS = Math.min(4, availableParallelism());

interface ReplayOptions {
  readonly room?: string;
  readonly pattern?: string;
  readonly from: string;
  readonly to?: string;
  readonly count?: string;
  readonly threads: string;
  readonly summary?: boolean;
}

export function define(command: Command): void {
  addConfigOptions(command)
    .option('--room <room>', 'one room')
    .option('--pattern <pattern>', 'all rooms that match: * for any characters but /, ** for any')
    .option('--from <where>', 'start, time:ISO, or (with --room) cursor:C', 'start')
    .option('--to <where>', 'time:ISO; without it, to what the log holds now')
    .option('--count <n>', 'end after so many events')
    .option('--summary', 'at the end, on stderr: how many events, and how long it took')
    .option('--threads <n>', 'read so many partitions at a time', `${DEFAULT_THREADS}`)
    .action(async (_options: unknown, self: Command) => {
      const options: ReplayOptions = self.optsWithGlobals();
      const globals = globalOptions(self.optsWithGlobals());
      if ((options.room === undefined) === (options.pattern === undefined)) {
        throw usageError('Give either --room or --pattern.');
      }
      const from = parseFrom(options.from);
      if (from.kind === 'cursor' && options.room === undefined) throw usageError('A cursor needs --room.');
      const toMs = options.to === undefined ? undefined : parseTo(options.to);
      const count = options.count === undefined ? Number.POSITIVE_INFINITY : parseCount('--count', options.count);
      const threads = parseCount('--threads', options.threads, 1, MAX_THREADS);
      const { config } = readServicesConfig(self, globals);
      const scope = { room: options.room === undefined ? null : checkRoom(options.room), pattern: options.pattern };
      const setting = { config, ...scope, from, format: globals.output };
      const startedAt = performance.now();
      const printed = await replayAll(setting, threads, { toMs: toMs ?? Number.POSITIVE_INFINITY, count });
      const elapsedMs = Math.round(performance.now() - startedAt);
      if (options.summary === true) summarise({ ...printed, elapsedMs }, globals.output);
    });
}

/** One room is one partition, which is read here; of several as many at a time as there are threads, which start while the log is opened. */
async function replayAll(
  setting: ReplaySetting,
  threads: number,
  limits: Pick<ReplayOnThreads, 'toMs' | 'count'>,
): Promise<Printed> {
  const { config, room } = setting;
  const schemas = openSchemas(config);
  const { LineThread } = await import('../threads/line-thread.ts');
  const useful = room === null ? Math.min(threads, config.stream.partitions) : 1;
  const started = Array.from({ length: useful > 1 ? useful : 0 }, () => new LineThread(setting, schemas));
  let log: EventLog | null = null;
  try {
    const [{ replayOnThreads }, opened] = await Promise.all([
      import('../threads/replay-on-threads.ts'),
      openLogWith(config, schemas),
    ]);
    log = opened.log;
    return await replayOnThreads({ setting, threads: started, ...opened, schemas, ...limits, print });
  } finally {
    await Promise.all(started.map((thread) => thread.end()));
    await log?.close();
  }
}

/** A failure is the program's own to see (cli/main.ts). */
function print(lines: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(lines, () => resolve());
  });
}

function summarise(summary: Printed & { readonly elapsedMs: number }, format: 'text' | 'json'): void {
  const { events, bytes, elapsedMs } = summary;
  const line = format === 'json' ? JSON.stringify(summary) : `${events} events, ${bytes} bytes, in ${elapsedMs} ms`;
  process.stderr.write(`${line}\n`);
}

function parseFrom(text: string): ReplayFrom {
  if (text === 'start') return { kind: 'start' };
  if (text.startsWith('time:')) return { kind: 'time', timeMs: parseTime(text.slice(5)) };
  if (text.startsWith('cursor:') && text.length > 7) return { kind: 'cursor', cursor: text.slice(7) };
  throw usageError(`--from is start, time:ISO or cursor:C, not ${text}.`);
}

function parseTo(text: string): number {
  if (!text.startsWith('time:')) throw usageError(`--to is time:ISO, not ${text}.`);
  return parseTime(text.slice(5));
}
