/** Python programs of pinned versions, each list of requirements in a virtual environment in the cache. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RoomlogError } from '../../core/errors.ts';
import { cacheDir } from '../stack/artifacts.ts';
import { installPackages, onPath } from '../stack/packages.ts';
import { command } from './command.ts';

/** The bin folder of an environment that has what the requirements file lists. */
export async function pythonEnvironment(requirements: string, aborted: AbortSignal): Promise<string> {
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  const dir = join(cacheDir(), `python-${wanted}`);
  // An environment knows its own path, so it can't be made elsewhere and moved: a mark tells that it is whole.
  const complete = join(dir, '.complete');
  if (existsSync(complete)) return join(dir, 'bin');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(cacheDir(), { recursive: true });
  if (onPath('python3') === null) installPackages('Some checks run in Python', ['python3', 'python3-venv']);
  const make = (): ReturnType<typeof command> => command(['python3', '-m', 'venv', dir], { aborted });
  if ((await make()).code !== 0) {
    // Debian packs the module apart from Python.
    installPackages('Some checks run in a Python environment', ['python3-venv']);
    await must(make(), 'python3 -m venv');
  }
  const pip = [join(dir, 'bin', 'python'), '-m', 'pip', 'install', '--quiet', '-r', requirements];
  await must(command(pip, { aborted, env: { PIP_DISABLE_PIP_VERSION_CHECK: '1' } }), 'pip install');
  writeFileSync(complete, '');
  return join(dir, 'bin');
}

async function must(running: ReturnType<typeof command>, what: string): Promise<void> {
  const { code, output } = await running;
  if (code !== 0) throw new RoomlogError('stack_failed', `${what} failed:\n${output.slice(-1500)}`);
}
