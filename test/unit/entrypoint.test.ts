/** What the image and a checkout start, seen by a `node` that only tells what it was asked. */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nodeFlags } from '../../scripts/stack/node-flags.ts';
import { ROOT } from '../../scripts/stack/root.ts';

const MAIN = '/app/dist/cli/main.js';
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'roomlog-entrypoint-'));
  writeFileSync(join(folder, 'node'), '#!/bin/sh\nprintf "%s\\n" "$@"\n');
  chmodSync(join(folder, 'node'), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const started = (script: string, ...args: string[]): string[] =>
  execFileSync('/bin/sh', [script, ...args], {
    env: { PATH: `${folder}:${process.env.PATH}` },
    encoding: 'utf8',
  })
    .trim()
    .split('\n');

test.each(['sequencer', 'gateway', 'verify'])(
  '%s has the same options of V8 in the image as in the local stack',
  (command) => {
    const args = [command, '--config', 'a b'];
    expect(started(join(ROOT, 'deploy', 'roomlog.sh'), ...args)).toEqual([...nodeFlags(command), MAIN, ...args]);
  },
);

test.each(['sequencer', 'gateway', 'verify'])('%s has them from a checkout', (command) => {
  const bin = join(folder, 'checkout', 'node_modules', '.bin');
  mkdirSync(bin, { recursive: true });
  copyFileSync(join(folder, 'node'), join(bin, 'node'));
  copyFileSync(join(ROOT, 'roomlog'), join(folder, 'checkout', 'roomlog'));
  const said = started(join(folder, 'checkout', 'roomlog'), command);
  expect(said.slice(0, -2)).toEqual([...nodeFlags(command), '--disable-warning=ExperimentalWarning']);
});

test('without a command there are none', () => {
  expect(started(join(ROOT, 'deploy', 'roomlog.sh'))).toEqual([MAIN]);
});

test('the image starts by it', () => {
  const dockerfile = readFileSync(join(ROOT, 'deploy', 'Dockerfile'), 'utf8');
  expect(dockerfile).toContain('COPY --from=build /src/deploy/roomlog.sh /usr/local/bin/roomlog\n');
  expect(dockerfile).toContain('ENTRYPOINT ["roomlog"]\n');
});
