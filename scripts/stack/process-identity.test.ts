import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { identify, isAlive, stopProcess } from './process-identity.ts';

const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function start(script: string): Promise<{ pid: number; startTicks: number }> {
  const child = spawn(process.execPath, ['-e', `${script}; console.log('up'); setInterval(() => {}, 1000)`]);
  children.push(child);
  await once(child.stdout, 'data');
  const identity = identify(child.pid ?? 0);
  if (identity === null) throw new Error('the child has died');
  return identity;
}

describe('a process by pid and start time', () => {
  it('is this one as long as it runs', () => {
    const me = identify(process.pid);
    expect(me).toMatchObject({ pid: process.pid });
    expect(me !== null && isAlive(me)).toBe(true);
  });

  it('is another one when only the pid is the same', async () => {
    const child = await start('');
    const stranger = { ...child, startTicks: child.startTicks - 1 };
    expect(isAlive(stranger)).toBe(false);
    expect(await stopProcess(stranger, 1_000)).toBe('gone');
    expect(isAlive(child)).toBe(true);
  });

  it('stops when asked', async () => {
    const child = await start('');
    expect(await stopProcess(child, 5_000)).toBe('stopped');
    expect(identify(child.pid)).toBeNull();
  });

  it('is killed when it does not listen', async () => {
    const child = await start(`process.on('SIGTERM', () => {})`);
    expect(await stopProcess(child, 300)).toBe('killed');
    expect(isAlive(child)).toBe(false);
  });

  it('is not taken for alive as a zombie', async () => {
    // The shell does not collect its child, and becomes a program that never will.
    const parent = spawn('sh', ['-c', 'sleep 0.05 & echo $!; exec sleep 30']);
    children.push(parent);
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    await expect.poll(() => identify(Number(String(line)))).toBeNull();
  });
});
