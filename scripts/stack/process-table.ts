/**
 * processes.json: what runs for a state folder. It outlives the `up` that wrote it, so that the next one, `down` and
 * `--restart` find every process, also after a kill -9 of `up`.
 */
import type { ProcessIdentity } from './process-identity.ts';
import { readJson, type StatePaths, writeAtomically } from './state-dir.ts';

export interface ProcessRecord extends ProcessIdentity {
  readonly name: string;
  readonly logFile: string;
}

/** In the order of starting. */
export function readTable(paths: StatePaths): ProcessRecord[] {
  return (readJson(paths.tableFile) as ProcessRecord[] | null) ?? [];
}

/** Adds the process, in place of an earlier one of the same name. */
export function enterProcess(paths: StatePaths, record: ProcessRecord): void {
  const table = readTable(paths);
  const index = table.findIndex((entry) => entry.name === record.name);
  if (index === -1) table.push(record);
  else table[index] = record;
  writeTable(paths, table);
}

export function removeProcess(paths: StatePaths, name: string): void {
  writeTable(
    paths,
    readTable(paths).filter((entry) => entry.name !== name),
  );
}

function writeTable(paths: StatePaths, table: readonly ProcessRecord[]): void {
  writeAtomically(paths.tableFile, `${JSON.stringify(table, null, 2)}\n`);
}
