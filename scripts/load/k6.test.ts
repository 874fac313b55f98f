import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ROOT, run } from '../../test/support/command.ts';

const K6 = join(ROOT, 'scripts', 'load', 'k6.ts');
const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

/** A PATH that begins with a k6 which says what it was given, in the pinned version, and ends with `code`. */
function pathWithK6(code: number): string {
  const dir = mkdtempSync(join(tmpdir(), 'roomlog-k6-test-'));
  dirs.push(dir);
  const program = join(dir, 'k6');
  const lines = [
    '#!/bin/sh',
    '[ "$1" = version ] && { echo "k6 v1.8.1"; exit 0; }',
    'echo "given $* for $ROOMLOG_URL with $LOAD_CLIENTS, report $K6_WEB_DASHBOARD_EXPORT"',
    'echo \'{"metrics":{"roomlog_lost":{"count":0}}}\' > "$3"',
    `exit ${code}`,
  ];
  writeFileSync(program, `${lines.join('\n')}\n`);
  chmodSync(program, 0o755);
  return `${dir}:${process.env.PATH}`;
}

describe('scripts/k6', () => {
  it('names its scripts where it is given another', async () => {
    const { code, stderr } = await run(process.execPath, [K6, 'nonsense']);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('connections, fanout, mixed, publish, reconnect-storm'),
    ]);
  });

  it('runs a script against ROOMLOG_URL, hands its options on, and ends as k6 does', async () => {
    const path = pathWithK6(99);
    const reports = dirs[0] ?? '';
    const env = { PATH: path, ROOMLOG_TEST_REPORTS: reports, ROOMLOG_URL: 'ws://somewhere/v1/ws', LOAD_CLIENTS: '7' };
    const { code, stdout } = await run(process.execPath, [K6, 'smoke', '--tag', 'a=b'], { env });
    const report = join(reports, 'smoke');
    expect(code).toBe(99);
    expect(stdout).toContain(`given run --summary-export ${report}.json --tag a=b ${join(ROOT, 'k6', 'smoke.ts')}`);
    expect(stdout).toContain(`for ws://somewhere/v1/ws with 7, report ${report}.html`);
    const written = JSON.parse(readFileSync(`${report}.json`, 'utf8'));
    expect(written).toMatchObject({ script: 'smoke', settings: { LOAD_CLIENTS: '7' }, metrics: { roomlog_lost: {} } });
    expect(written.generator).toMatchObject({ elapsedSeconds: expect.any(Number), memoryMiB: expect.any(Number) });
    expect(written.machine.cores).toBeGreaterThan(0);
  });
});
