/** The state folder of a stack: its paths, its owner, its secret, and files that are written whole or not at all. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { RoomlogError } from '../../core/errors.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

export interface StatePaths {
  readonly root: string;
  readonly stackFile: string;
  readonly settingsFile: string;
  readonly tableFile: string;
  readonly lockFile: string;
  readonly secretFile: string;
  readonly configDir: string;
  readonly dataDir: string;
  readonly logsDir: string;
}

export function statePaths(root: string): StatePaths {
  return {
    root,
    stackFile: join(root, 'stack.json'),
    settingsFile: join(root, 'settings.json'),
    tableFile: join(root, 'processes.json'),
    lockFile: join(root, 'up.lock'),
    secretFile: join(root, 'jwt.secret'),
    configDir: join(root, 'config'),
    dataDir: join(root, 'data'),
    logsDir: join(root, 'logs'),
  };
}

export function prepareStateDir(paths: StatePaths): void {
  for (const path of [paths.root, paths.configDir, paths.dataDir, paths.logsDir]) mkdirSync(path, { recursive: true });
}

/** Readers see the old file or the new one, never a part. */
export function writeAtomically(path: string, content: string, mode = 0o644): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  writeFileSync(temporary, content, { mode });
  renameSync(temporary, path);
}

/** The parsed file; null when it is missing. A file that is no JSON throws: nothing here writes half files. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new RoomlogError('stack_failed', `${path} can not be read; delete it and run scripts/up again.`, {
      cause: error,
    });
  }
}

/** Who runs this state folder's stack, if anybody alive does. */
export function lockHolder(paths: StatePaths): ProcessIdentity | null {
  const content = readJson(paths.lockFile) as ProcessIdentity | null;
  return content !== null && isAlive(content) ? content : null;
}

/** Takes the folder for this process. Throws `stack_failed` when a living process has it; a dead one's lock is taken over. */
export function lockStateDir(paths: StatePaths): void {
  const me = identify(process.pid);
  if (me === null) {
    throw new RoomlogError('stack_failed', 'scripts/up needs Linux with /proc; elsewhere use compose.yaml.');
  }
  const holder = lockHolder(paths);
  if (holder !== null && holder.pid !== me.pid) {
    throw new RoomlogError(
      'stack_failed',
      `The stack in ${paths.root} is already run by process ${holder.pid}. Stop it with scripts/down --state-dir ${paths.root}, or take another --state-dir and --port-base.`,
    );
  }
  rmSync(paths.lockFile, { force: true });
  try {
    writeFileSync(paths.lockFile, JSON.stringify(me), { flag: 'wx' });
  } catch (error) {
    throw new RoomlogError('stack_failed', `Another scripts/up has just taken ${paths.root}.`, { cause: error });
  }
}

export function unlockStateDir(paths: StatePaths): void {
  const holder = lockHolder(paths);
  if (holder === null || holder.pid === process.pid) rmSync(paths.lockFile, { force: true });
}

/** The HS256 secret of local tokens: made once, readable by its owner only. */
export function ensureSecret(paths: StatePaths): void {
  if (existsSync(paths.secretFile)) return;
  writeAtomically(paths.secretFile, `${randomBytes(32).toString('base64url')}\n`, 0o600);
}
