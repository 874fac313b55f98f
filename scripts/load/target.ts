/** What a load script runs against: the installation that the environment names, the local stack, or one of its own for this run. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RoomlogError } from '../../core/errors.ts';
import { parseUp } from '../stack/options.ts';
import { freePortBase } from '../stack/port-holder.ts';
import { readStackFile, type StackFile } from '../stack/stack-file.ts';
import { startStack, stopStack } from '../stack/start.ts';
import { lockHolder, type StatePaths, statePaths } from '../stack/state-dir.ts';

export interface LoadTarget {
  readonly about: string;
  /** For k6. Not on its command line: that is readable by everybody on the machine. */
  readonly env: Readonly<Record<string, string>>;
  /** @param keep whether logs and data of a stack of its own are worth keeping. Returns where they are, if kept. */
  close(keep: boolean): Promise<string | null>;
}

export async function openTarget(aborted: AbortSignal, say: (line: string) => void): Promise<LoadTarget> {
  if (process.env.ROOMLOG_URL) {
    return { about: process.env.ROOMLOG_URL, env: {}, close: async () => null };
  }
  const paths = statePaths(parseUp([]).stateDir);
  const running = lockHolder(paths) === null ? null : readStackFile(paths);
  if (running !== null) {
    const env = wayIn(running, paths);
    if (process.env.ROOMLOG_AUTH_SECRET || process.env.ROOMLOG_TOKEN) delete env.ROOMLOG_AUTH_SECRET;
    return { about: `the local stack in ${paths.root}`, env, close: async () => null };
  }
  return await ownStack(aborted, say);
}

async function ownStack(aborted: AbortSignal, say: (line: string) => void): Promise<LoadTarget> {
  const stateDir = mkdtempSync(join(tmpdir(), 'roomlog-k6-'));
  const paths = statePaths(stateDir);
  say(`No stack runs here: starting one for this run in ${stateDir}`);
  // They are for an installation of somebody's; this stack makes its own secret.
  for (const name of ['ROOMLOG_AUTH_SECRET', 'ROOMLOG_TOKEN']) delete process.env[name];
  const options = parseUp(['--state-dir', stateDir, '--port-base', String(await freePortBase())]);
  const stack = await startStack(options, { say, aborted });
  return {
    about: 'a stack of its own',
    env: wayIn(stack, paths),
    close: async (keep) => {
      await stopStack(paths, say);
      if (keep) return stateDir;
      rmSync(stateDir, { recursive: true, force: true });
      return null;
    },
  };
}

/** For k6: the gateways' addresses, and the secret that they know. */
export function wayIn(stack: StackFile, paths: StatePaths): Record<string, string> {
  const urls = stack.gateways.map(({ ws }) => ws).join(',');
  if (urls === '') {
    throw new RoomlogError('config_invalid', `The stack in ${paths.root} has no gateway; start one with scripts/up.`);
  }
  return { ROOMLOG_URL: urls, ROOMLOG_AUTH_SECRET: readFileSync(paths.secretFile, 'utf8').trim() };
}
