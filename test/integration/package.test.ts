/**
 * The packed package as a stranger installs it: compiled, with its bin, on the same stack. ROOMLOG_TEST_PACKAGE names a
 * folder where it is installed already.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CommandResult, ROOT, run } from '../support/command.ts';
import { stateDir } from '../support/stack.ts';

/** The pinned Node, also for what npm starts. */
const PATH = `${dirname(process.execPath)}:${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`;
let folder: string;
let bin: string;

const installedAlready = process.env.ROOMLOG_TEST_PACKAGE;

beforeAll(async () => {
  if (installedAlready) {
    folder = installedAlready;
    bin = join(folder, 'node_modules/.bin/roomlog');
    return;
  }
  folder = mkdtempSync(join(tmpdir(), 'roomlog-package-'));
  const packed = await npm(['pack', '--pack-destination', folder], ROOT);
  expect(packed).toMatchObject({ code: 0 });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '';
  const installed = await npm(
    ['install', '--prefix', folder, '--prefer-offline', '--omit=dev', join(folder, tarball)],
    folder,
  );
  expect(installed).toMatchObject({ code: 0 });
  bin = join(folder, 'node_modules/.bin/roomlog');
}, 300_000);
afterAll(() => {
  if (!installedAlready) rmSync(folder, { recursive: true, force: true });
});

const npm = (args: readonly string[], cwd: string): Promise<CommandResult> =>
  run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd, env: { PATH }, withinMs: 280_000 });
const roomlog = (...args: string[]) => run(bin, [...args, '--state-dir', stateDir()], { cwd: folder, env: { PATH } });

describe('the installed package', () => {
  test('holds no TypeScript and no tests', () => {
    const files = readdirSync(join(folder, 'node_modules/roomlog'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => !name.startsWith('node_modules'),
    );
    expect(files.filter((name) => /(\.ts|\.test\.js)$/.test(name) && !name.endsWith('.d.ts'))).toEqual([]);
    expect(existsSync(join(folder, 'node_modules/roomlog/dist/schemas/outbound-event.avsc'))).toBe(true);
  });

  test('has a command with help, version and tokens', async () => {
    expect((await roomlog('--help')).stdout).toContain('Ordered room events');
    expect((await roomlog('--version')).stdout.trim()).toMatch(/^\d+\.\d+\.\d+$/);
    expect((await roomlog('token', '--user', 'u', '--room', 'r')).stdout.split('.')).toHaveLength(3);
  });

  test('publishes, tails and replays on a stack', async () => {
    const room = `package/${Date.now()}`;
    expect((await roomlog('publish', room, '--event', 'e', '--data', '{"n":1}')).stdout).toBe(`${room} #1\n`);
    const tailed = await roomlog('tail', room, '--from', 'start', '--count', '1', '-o', 'json');
    const replayed = await roomlog('replay', '--room', room, '-o', 'json');
    expect(JSON.parse(tailed.stdout)).toMatchObject({ room, seq: 1, data: { n: 1 } });
    expect(JSON.parse(replayed.stdout)).toEqual(JSON.parse(tailed.stdout));
  });

  test('serves the demo page', async () => {
    const { loadAssets } = (await import(join(folder, 'node_modules/roomlog/dist/gateway/demo/assets.js'))) as {
      loadAssets(): ReadonlyMap<string, { body: string }>;
    };
    const assets = loadAssets();
    expect([...assets.keys()]).toEqual(
      expect.arrayContaining(['index.html', 'style.css', 'app.js', 'client/index.js']),
    );
    expect(assets.get('app.js')?.body).toContain("from './client/index.js'");
  });
});
