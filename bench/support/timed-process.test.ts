import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { runTimed } from './timed-process.ts';

const SAY_PID_AND_STAY = 'process.stderr.write(String(process.pid)); setInterval(() => {}, 1_000);';

/** One that has ended and whose new parent has not looked yet has no command line any more. */
function runs(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`).length > 0;
  } catch {
    return false;
  }
}

test('a program that is being timed ends with a bench that is interrupted', async () => {
  const bench = `
    import { runTimed } from '${import.meta.dirname}/timed-process.ts';
    process.on('SIGINT', () => process.exit(130));
    await runTimed([process.execPath, '-e', ${JSON.stringify(SAY_PID_AND_STAY)}]);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', bench], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [said] = (await once(child.stderr, 'data')) as [Buffer];
  const timed = Number(`${said}`);
  expect(runs(timed)).toBe(true);
  child.kill('SIGINT');
  await once(child, 'exit');
  await vi.waitFor(() => expect(runs(timed)).toBe(false));
});

test('what a program says and uses is told once it has ended, and nothing is kept for later', async () => {
  const listeners = process.listenerCount('exit');
  const { stdout, elapsedMs } = await runTimed([process.execPath, '-e', 'console.log(1 + 1)']);
  expect(stdout).toBe('2\n');
  expect(elapsedMs).toBeGreaterThan(0);
  expect(process.listenerCount('exit')).toBe(listeners);
});
