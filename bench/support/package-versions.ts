/** Versions of the installed packages that a bench compares or stands on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/stack/root.ts';

export function packageVersions(...names: readonly string[]): Record<string, string> {
  const version = (name: string): string =>
    (JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')) as { version: string }).version;
  return Object.fromEntries(names.map((name) => [name, version(name)]));
}
