/** System packages and programs: looked up on PATH, installed through scripts/lib/packages.sh, which asks first. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { RoomlogError } from '../../core/errors.ts';
import { ROOT } from './root.ts';

/** The program's path; null when PATH has no such executable. */
export function onPath(program: string): string | null {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    if (dir === '') continue;
    try {
      accessSync(join(dir, program), constants.X_OK);
      return join(dir, program);
    } catch {
      // not here
    }
  }
  return null;
}

/** Each entry may be alternatives, `a|b`: the first that the machine's package sources have is installed. */
export function installPackages(why: string, packages: readonly string[]): void {
  const script = join(ROOT, 'scripts', 'lib', 'packages.sh');
  const result = spawnSync('sh', [script, why, ...packages], { stdio: ['inherit', 2, 2] });
  if (result.status !== 0) {
    throw new RoomlogError('stack_failed', `${why}, but this is not installed: ${packages.join(', ')}.`);
  }
}
