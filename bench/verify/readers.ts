/** Who reads the log: Roomlog's commands as the package and the image have them, and Kafka's own tool on the same topics. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../../scripts/stack/root.ts';
import type { StackFile } from '../../scripts/stack/stack-file.ts';
import { kafkaTool } from '../support/kafka-tools.ts';
import { runTimed } from '../support/timed-process.ts';

export interface Reading {
  /** Events of outbound by the time that reading them took. */
  readonly eventsPerSecond: number;
  readonly eventsPerCpuSecond: number;
  /** From its start to its end. */
  readonly wholeProcessMs: number;
}

export interface ReaderOptions {
  readonly stack: StackFile;
  readonly stateDir: string;
  readonly events: number;
  readonly cores: string | undefined;
  /** Where --cpu-prof writes; null: no profile. */
  readonly profileDir: string | null;
}

/** Compiles what `readByRoomlog` runs: from its sources, each thread of a command would strip their types while it counts. */
export function buildPackage(): void {
  execFileSync(process.execPath, [join(ROOT, 'scripts/build.ts')], { cwd: ROOT, stdio: 'inherit' });
}

/** Counts as much time as the command itself says that it read, its threads' start included, and beside it the whole process. */
export async function readByRoomlog(
  command: 'replay' | 'verify',
  more: readonly string[],
  options: ReaderOptions,
): Promise<Reading> {
  const { stateDir, events, cores, profileDir } = options;
  const profiling = profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
  const args = command === 'replay' ? ['replay', '--pattern', '**', '--summary'] : ['verify'];
  const { elapsedMs, cpuSeconds, stdout, stderr } = await runTimed(
    [
      process.execPath,
      ...profiling,
      join(ROOT, 'dist/cli/main.js'),
      ...args,
      ...more,
      '-o',
      'json',
      '--state-dir',
      stateDir,
    ],
    { cores, discardOutput: command === 'replay' },
  );
  // Replay's lines are thrown away; its summary is the last line of stderr.
  const said = (command === 'replay' ? stderr : stdout).trim().split('\n').at(-1) ?? '';
  const summary = JSON.parse(said) as { readonly events: number; readonly elapsedMs: number };
  if (summary.events !== events) throw new Error(`${command} read ${summary.events} events, not ${events}`);
  return {
    eventsPerSecond: events / (summary.elapsedMs / 1000),
    eventsPerCpuSecond: events / cpuSeconds,
    wholeProcessMs: elapsedMs,
  };
}

/**
 * Counts as much time as the tool itself says that fetching took: its start and its group's rebalance are left out, in its favour. `inboundToo`: reads
 * what verify has to read.
 */
export async function readByKafkaTool(inboundToo: boolean, options: ReaderOptions): Promise<Reading> {
  const { stack, events, cores } = options;
  const { inbound, outbound } = stack.topics;
  const topics = inboundToo ? [inbound, outbound] : [outbound];
  const tool = await kafkaTool('org.apache.kafka.tools.ConsumerPerformance');
  const { stdout, cpuSeconds, elapsedMs } = await runTimed(
    [
      ...tool,
      '--bootstrap-server',
      stack.kafka.brokers.join(','),
      '--include',
      topics.map((topic) => topic.replaceAll('.', '\\.')).join('|'),
      '--num-records',
      String(events * topics.length),
      '--hide-header',
      '--timeout',
      '30000',
    ],
    { cores },
  );
  const { records, fetchMs } = parse(stdout);
  const read = records / topics.length;
  return { eventsPerSecond: read / (fetchMs / 1000), eventsPerCpuSecond: read / cpuSeconds, wholeProcessMs: elapsedMs };
}

/** start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, … */
function parse(stdout: string): { readonly records: number; readonly fetchMs: number } {
  const cells =
    stdout
      .trim()
      .split('\n')
      .at(-1)
      ?.split(',')
      .map((cell) => cell.trim()) ?? [];
  const [records, fetchMs] = [Number(cells[4]), Number(cells[7])];
  if (!(records > 0) || !(fetchMs > 0)) throw new Error(`kafka-consumer-perf-test said what can't be read: ${stdout}`);
  return { records, fetchMs };
}
