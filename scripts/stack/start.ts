/** Starts, restarts and stops a stack. `scripts/up`, `scripts/down` and the tests' setup all come through here. */
import { rmSync } from 'node:fs';
import { RoomlogError } from '../../core/errors.ts';
import { type Service, startService, stopService, waitReady } from './launch.ts';
import type { UpOptions } from './options.ts';
import { describeStack, planStack, type StackPlan } from './plan.ts';
import { takenPorts } from './port-holder.ts';
import { prepareStream } from './prepare-stream.ts';
import { isAlive } from './process-identity.ts';
import { type ProcessRecord, readTable } from './process-table.ts';
import { readSettings, settle } from './settings.ts';
import { removeStackFile, type StackFile, writeStackFile } from './stack-file.ts';
import type { StatePaths } from './state-dir.ts';
import { ensureSecret, lockHolder, lockStateDir, prepareStateDir, statePaths, unlockStateDir } from './state-dir.ts';

export interface Reporting {
  /** One line for people. */
  say(line: string): void;
  /** Gives up starting; what was started is stopped. */
  readonly aborted: AbortSignal;
}

/** Longest grace any service gets to stop; kafka's is the longest. */
const ORPHAN_GRACE_MS = 20_000;

/** Brings the stack up and writes stack.json. On any failure all that was started is stopped again. */
export async function startStack(
  options: UpOptions,
  reporting: Reporting,
  env: NodeJS.ProcessEnv = process.env,
): Promise<StackFile> {
  const paths = statePaths(options.stateDir);
  prepareStateDir(paths);
  lockStateDir(paths);
  try {
    removeStackFile(paths);
    await stopLeftovers(paths, reporting);
    if (options.fresh)
      for (const path of [paths.dataDir, paths.logsDir]) rmSync(path, { recursive: true, force: true });
    prepareStateDir(paths);
    ensureSecret(paths);
    const settings = settle(options, env, paths);
    const plan = await planStack(settings, paths, reporting.say);
    await requireFreePorts([...plan.infrastructure, ...plan.roomlog]);
    reporting.aborted.throwIfAborted();
    await startAll(plan, paths, reporting);
    const stack = describeStack(settings, plan.config, readTable(paths));
    writeStackFile(paths, stack);
    return stack;
  } catch (error) {
    await stopStack(paths, reporting.say);
    throw error;
  }
}

async function startAll(plan: StackPlan, paths: StatePaths, reporting: Reporting): Promise<void> {
  await plan.prepare().catch((error: unknown) => {
    // Ctrl-C in a terminal also ends the programs that this runs: then their failure is not the reason.
    reporting.aborted.throwIfAborted();
    throw error;
  });
  reporting.aborted.throwIfAborted();
  await Promise.all([plan.askExternal(), ...plan.infrastructure.map((service) => startOne(service, paths, reporting))]);
  await prepareStream(plan.config, reporting.say);
  reporting.aborted.throwIfAborted();
  await Promise.all(plan.roomlog.map((service) => startOne(service, paths, reporting)));
}

async function startOne(service: Service, paths: StatePaths, reporting: Reporting): Promise<void> {
  const began = performance.now();
  const record = startService(service, paths);
  await waitReady(service, record, reporting.aborted);
  reporting.say(`  ${service.name.padEnd(12)} ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
}

/** Stops all that runs for the folder, newest first, and gives the folder free. */
export async function stopStack(paths: StatePaths, say: (line: string) => void): Promise<void> {
  removeStackFile(paths);
  await stopProcesses(paths, say);
  unlockStateDir(paths);
}

/** Starts one process of a running stack again, stopping it first where it still runs, and corrects stack.json. */
export async function restartService(paths: StatePaths, name: string, reporting: Reporting): Promise<ProcessRecord> {
  const settings = readSettings(paths);
  const names = readTable(paths).map((record) => record.name);
  if (settings === null || lockHolder(paths) === null) {
    throw new RoomlogError('stack_failed', `No stack runs in ${paths.root}; start one with scripts/up.`);
  }
  const plan = await planStack(settings, paths, reporting.say);
  const service = [...plan.infrastructure, ...plan.roomlog].find((candidate) => candidate.name === name);
  if (service === undefined) {
    throw new RoomlogError(
      'config_invalid',
      `--restart is ${JSON.stringify(name)}; this stack has: ${names.join(', ')}`,
    );
  }
  const old = readTable(paths).find((record) => record.name === name);
  if (old !== undefined) await stopService(old, service.stopWithinMs, paths);
  await requireFreePorts([service]);
  const record = startService(service, paths);
  await waitReady(service, record, reporting.aborted);
  writeStackFile(paths, describeStack(settings, plan.config, readTable(paths)));
  return record;
}

/** Processes of an `up` that was killed: they would hold the ports and the data. */
async function stopLeftovers(paths: StatePaths, reporting: Reporting): Promise<void> {
  const left = readTable(paths).filter(isAlive);
  if (left.length === 0) return;
  reporting.say(`Stopping what an earlier run left behind: ${left.map((record) => record.name).join(', ')}`);
  await stopProcesses(paths, reporting.say);
}

/** Gateways first, then sequencers, then what they stand on; Kafka's nodes together, as a lone one has no quorum to leave. */
async function stopProcesses(paths: StatePaths, say: (line: string) => void): Promise<void> {
  for (const group of [/^gateway-/, /^sequencer-/, /^(redis|registry|toxiproxy)$/, /^kafka-/]) {
    const members = readTable(paths).filter((record) => group.test(record.name));
    await Promise.all(
      members.map(async (record) => {
        const outcome = await stopService(record, ORPHAN_GRACE_MS, paths);
        if (outcome === 'killed') say(`${record.name} did not stop within ${ORPHAN_GRACE_MS / 1000} s and was killed.`);
      }),
    );
  }
}

async function requireFreePorts(services: readonly Service[]): Promise<void> {
  const ports = services.flatMap((service) => service.ports.map((port) => ({ port, name: service.name })));
  const taken = await takenPorts(ports.map(({ port }) => port));
  if (taken.length === 0) return;
  const lines = taken.map(({ port, pid, command }) => {
    const wanted = ports.find((entry) => entry.port === port)?.name;
    const holder =
      pid === null ? 'a process that can not be seen from here' : `process ${pid}: ${command.slice(0, 100)}`;
    return `Port ${port} (for ${wanted}) is held by ${holder}`;
  });
  throw new RoomlogError('port_taken', [...lines, 'Stop that, or take another --port-base.'].join('\n'));
}
