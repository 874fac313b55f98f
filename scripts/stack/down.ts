/** `scripts/down`: stops the stack of a state folder, whoever started it and whatever became of that. */
import { RoomlogError } from '../../core/errors.ts';
import { DOWN_USAGE, parseDown } from './options.ts';
import { isAlive, signal, waitForEnd } from './process-identity.ts';
import { readTable } from './process-table.ts';
import { stopStack } from './start.ts';
import { lockHolder, statePaths } from './state-dir.ts';

/** Longer than the graces of all groups together. */
const SUPERVISOR_STOPS_WITHIN_MS = 120_000;

async function main(): Promise<number> {
  const { stateDir, help } = parseDown(process.argv.slice(2));
  if (help) {
    console.log(DOWN_USAGE);
    return 0;
  }
  const paths = statePaths(stateDir);
  const supervisor = lockHolder(paths);
  const running = readTable(paths).filter(isAlive);
  if (supervisor === null && running.length === 0) {
    console.log(`Nothing runs in ${stateDir}.`);
  } else {
    console.log(`Stopping ${running.map((record) => record.name).join(', ') || 'scripts/up'}`);
  }
  if (supervisor !== null) {
    signal(supervisor, 'SIGTERM');
    await waitForEnd(supervisor, SUPERVISOR_STOPS_WITHIN_MS);
  }
  // What no supervisor stopped: it had been killed, or gave up.
  await stopStack(paths, console.log);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const told = error instanceof RoomlogError;
  console.error(told ? error.message : error);
  process.exitCode = told && error.code === 'config_invalid' ? 2 : 1;
}
