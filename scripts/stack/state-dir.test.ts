import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { identify } from './process-identity.ts';
import { enterProcess, readTable, removeProcess } from './process-table.ts';
import { readStackFile, removeStackFile, type StackFile, writeStackFile } from './stack-file.ts';
import {
  ensureSecret,
  lockHolder,
  lockStateDir,
  prepareStateDir,
  type StatePaths,
  statePaths,
  unlockStateDir,
} from './state-dir.ts';

let paths: StatePaths;

beforeEach(() => {
  paths = statePaths(mkdtempSync(join(tmpdir(), 'roomlog-state-')));
  prepareStateDir(paths);
});
afterEach(() => rmSync(paths.root, { recursive: true, force: true }));

describe('the lock of a state folder', () => {
  it('is held until it is given free', () => {
    lockStateDir(paths);
    expect(lockHolder(paths)?.pid).toBe(process.pid);
    unlockStateDir(paths);
    expect(lockHolder(paths)).toBeNull();
  });

  it('refuses a second owner and names the first', () => {
    const parent = identify(process.ppid);
    writeFileSync(paths.lockFile, JSON.stringify(parent));
    expect(() => lockStateDir(paths)).toThrow(`already run by process ${process.ppid}`);
    unlockStateDir(paths);
    expect(lockHolder(paths)?.pid).toBe(process.ppid);
  });

  it('is taken over from a dead owner whose pid now is another process', () => {
    writeFileSync(paths.lockFile, JSON.stringify({ pid: process.ppid, startTicks: 1 }));
    lockStateDir(paths);
    expect(lockHolder(paths)?.pid).toBe(process.pid);
  });
});

describe('the secret', () => {
  it('is made once, long enough, for its owner only', () => {
    ensureSecret(paths);
    const first = readFileSync(paths.secretFile, 'utf8');
    ensureSecret(paths);
    expect(readFileSync(paths.secretFile, 'utf8')).toBe(first);
    expect(first.trim().length).toBeGreaterThanOrEqual(32);
    expect(statSync(paths.secretFile).mode & 0o777).toBe(0o600);
  });
});

describe('the process table', () => {
  it('keeps the order of starting, and one process a name', () => {
    for (const [name, pid] of [
      ['redis', 1],
      ['gateway-1', 2],
      ['redis', 3],
    ] as const) {
      enterProcess(paths, { name, pid, startTicks: 0, logFile: '' });
    }
    expect(readTable(paths).map(({ name, pid }) => [name, pid])).toEqual([
      ['redis', 3],
      ['gateway-1', 2],
    ]);
    removeProcess(paths, 'redis');
    expect(readTable(paths).map(({ name }) => name)).toEqual(['gateway-1']);
  });

  it('is empty where nothing ever ran', () => {
    expect(readTable(paths)).toEqual([]);
  });
});

describe('stack.json', () => {
  const stack = { version: 1, prefix: 'roomlog', partitions: 12 } as StackFile;

  it('is there as a whole or not at all', () => {
    expect(readStackFile(paths)).toBeNull();
    writeStackFile(paths, stack);
    expect(readStackFile(paths)).toEqual(stack);
    expect(readdirSync(paths.root).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    removeStackFile(paths);
    expect(readStackFile(paths)).toBeNull();
  });
});
