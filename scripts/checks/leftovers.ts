/** What a run left behind: stacks that still run, and processes that carry the run's mark in their environment. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandLine, identify, isAlive, type ProcessIdentity } from '../stack/process-identity.ts';
import { readTable } from '../stack/process-table.ts';
import { type StatePaths, statePaths } from '../stack/state-dir.ts';

/** Environment variable that every process of a run inherits. */
export const RUN_MARK = 'ROOMLOG_TEST_RUN';

/** State folders in `stateRoot`, and in the folders that lanes have in it, whose processes still run. */
export function abandonedStacks(stateRoot: string): StatePaths[] {
  if (!existsSync(stateRoot)) return [];
  const within = (dir: string): string[] =>
    readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? join(dir, entry.name) : []));
  const folders = within(stateRoot);
  return [...folders, ...folders.flatMap(within)]
    .map((folder) => statePaths(folder))
    .filter((paths) => readTable(paths).some(isAlive));
}

export interface MarkedProcess extends ProcessIdentity {
  readonly command: string;
}

/** Processes of this run other than this one. */
export function markedProcesses(mark: string): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) continue;
    let environment: string;
    try {
      environment = readFileSync(`/proc/${entry}/environ`, 'latin1');
    } catch {
      continue; // gone, or another user's
    }
    if (!environment.split('\0').includes(`${RUN_MARK}=${mark}`)) continue;
    const identity = identify(Number(entry));
    if (identity !== null) found.push({ ...identity, command: commandLine(identity.pid) });
  }
  return found;
}
