import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

/** How a bench with this program ended, and what it said. */
async function played(
  program: string,
  signal?: 'SIGINT' | 'SIGTERM',
): Promise<{ code: number; out: string; err: string }> {
  const bench = `
    import { cleanUpOnAnyEnd } from '${import.meta.dirname}/clean-up.ts';
    const takeBack = cleanUpOnAnyEnd(() => console.log('cleaned up'));
    console.log('begun');
    ${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', bench], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = Promise.all([text(child.stdout), text(child.stderr)]);
  if (signal !== undefined) child.stdout.once('data', () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number];
  const [out, err] = await said;
  return { code, out, err };
}

test('an error that nobody caught cleans up, and is told as ever', async () => {
  const { code, out, err } = await played(
    `void Promise.reject(new Error('broker gone')); setInterval(() => {}, 1_000);`,
  );
  expect(out).toBe('begun\ncleaned up\n');
  expect(code).toBe(1);
  expect(err).toContain('broker gone');
});

test('a signal cleans up and ends the process', async () => {
  const { code, out } = await played('setInterval(() => {}, 1_000);', 'SIGTERM');
  expect(out).toBe('begun\ncleaned up\n');
  expect(code).toBe(143);
});

test('taken back, nothing is cleaned up', async () => {
  const { code, out } = await played(`takeBack(); void Promise.reject(new Error('later'));`);
  expect(out).toBe('begun\n');
  expect(code).toBe(1);
});
