/**
 * One real stack for all tests of a lane: three gateways, two sequencers (or only what they stand on), a state folder and a block of
 * ports of its own.
 * ROOMLOG_TEST_STATE_DIR names a running stack to use instead (quick while writing tests); ROOMLOG_TEST_STATE_ROOT a folder
 * to make the state folder in, so that the caller can look for what a killed run left behind.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { freePortBase } from '../../scripts/stack/port-holder.ts';
import { readStackFile } from '../../scripts/stack/stack-file.ts';
import { startStack, stopStack } from '../../scripts/stack/start.ts';
import { statePaths } from '../../scripts/stack/state-dir.ts';

const GATEWAYS = 3;
const SEQUENCERS = 2;
/** Its tests start the sequencers and gateways they need. */
const INFRA_ONLY = 'streams';
const START_WITHIN_MS = 300_000;

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const running = process.env.ROOMLOG_TEST_STATE_DIR;
  if (running) {
    if (readStackFile(statePaths(running)) === null)
      throw new Error(`ROOMLOG_TEST_STATE_DIR: no stack runs in ${running}`);
    project.provide('stateDir', running);
    return undefined;
  }
  const stateDir = mkdtempSync(join(process.env.ROOMLOG_TEST_STATE_ROOT ?? tmpdir(), 'roomlog-test-'));
  const log: string[] = [];
  const say = (line: string): void => void log.push(line);
  try {
    await startStack(
      {
        stateDir,
        portBase: await freePortBase(),
        brokers: 1,
        gateways: GATEWAYS,
        sequencers: SEQUENCERS,
        fresh: false,
        detach: false,
        restart: null,
        infraOnly: project.name === INFRA_ONLY,
        help: false,
      },
      { say, aborted: AbortSignal.timeout(START_WITHIN_MS) },
    );
  } catch (error) {
    throw new Error(`The test stack did not start; its files are in ${stateDir}.\n${log.join('\n')}`, { cause: error });
  }
  project.provide('stateDir', stateDir);
  return async () => {
    await stopStack(statePaths(stateDir), say);
    // Logs of a failed run are worth keeping.
    if (process.env.ROOMLOG_TEST_KEEP !== '1') rmSync(stateDir, { recursive: true, force: true });
  };
}
