/** What the image starts, seen by a `node` that only tells what it was asked. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '../../scripts/stack/root.ts';

const MAIN = '/app/dist/cli/main.js';
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'roomlog-entrypoint-'));
  writeFileSync(join(folder, 'node'), '#!/bin/sh\nprintf "%s\\n" "$@"\n');
  chmodSync(join(folder, 'node'), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const started = (...args: string[]): string[] =>
  execFileSync('/bin/sh', [join(ROOT, 'deploy', 'roomlog.sh'), ...args], {
    env: { PATH: `${folder}:${process.env.PATH}` },
    encoding: 'utf8',
  })
    .trim()
    .split('\n');

test('a sequencer has the young generation that ./roomlog gives it, other commands have Node’s own', () => {
  const [flag] = /--max-semi-space-size=\d+/.exec(readFileSync(join(ROOT, 'roomlog'), 'utf8')) ?? [];
  expect(flag).toBeDefined();
  expect(started('sequencer', '--config', 'a b')).toEqual([flag, MAIN, 'sequencer', '--config', 'a b']);
  expect(started('gateway')).toEqual([MAIN, 'gateway']);
  expect(started()).toEqual([MAIN]);
});

test('the image starts by it', () => {
  const dockerfile = readFileSync(join(ROOT, 'deploy', 'Dockerfile'), 'utf8');
  expect(dockerfile).toContain('COPY --from=build /src/deploy/roomlog.sh /usr/local/bin/roomlog\n');
  expect(dockerfile).toContain('ENTRYPOINT ["roomlog"]\n');
});
