import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The package's version. This module stands one level below package.json in a checkout, two in the package (`dist/`). */
export const VERSION: string = readVersion(['../package.json', '../../package.json']);

function readVersion(candidates: readonly string[]): string {
  for (const candidate of candidates) {
    try {
      const text = readFileSync(fileURLToPath(new URL(candidate, import.meta.url)), 'utf8');
      return (JSON.parse(text) as { version: string }).version;
    } catch {
      // The other place, then.
    }
  }
  return 'unknown';
}
