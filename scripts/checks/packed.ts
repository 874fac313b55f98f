/** The lane of what users install: the packed tarball, in a folder of its own, which the integration tests then use. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../stack/root.ts';
import { type CommandOptions, check } from './command.ts';
import { fail, type Lane, type LaneContext, sum } from './lane.ts';

/** Where the package is installed; not there where the lane was not run. */
export const packageFolder = ({ workDir }: LaneContext): string => join(workDir, 'package');

export const packed: Lane = {
  name: 'package',
  about: 'npm pack, install the tarball elsewhere, run what it installs',
  beside: true,
  run: async (context) => {
    const { aborted } = context;
    const dir = packageFolder(context);
    mkdirSync(dir);
    const nodeFirst = `${join(ROOT, 'node_modules', '.bin')}:${process.env.PATH ?? ''}`;
    const here: CommandOptions = { aborted, env: { PATH: nodeFirst } };
    const there: CommandOptions = { ...here, cwd: dir };
    const built = await check(['npm', 'pack', '--loglevel=error', '--pack-destination', dir], here);
    if (built.failed > 0) return built;
    const tarball = readdirSync(dir).find((name) => name.endsWith('.tgz'));
    if (tarball === undefined) return fail('npm pack made no tarball');
    const install = ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--omit=dev', '--loglevel=error'];
    const installed = await check([...install, '--prefix', dir, join(dir, tarball)], there);
    if (installed.failed > 0) return installed;
    const roomlog = join(dir, 'node_modules', '.bin', 'roomlog');
    return sum([
      built,
      installed,
      await check([roomlog, '--version'], there),
      await check([roomlog, '--help'], there),
      await check([roomlog, 'config', 'check'], {
        ...there,
        env: { PATH: nodeFirst, ROOMLOG_AUTH_SECRET: 'x'.repeat(32) },
      }),
      await check([roomlog, 'token', '--user', 'alice', '--room', 'a/*'], {
        ...there,
        env: { PATH: nodeFirst, ROOMLOG_AUTH_SECRET: 'x'.repeat(32) },
      }),
    ]);
  },
};
