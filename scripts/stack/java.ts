/** Finds a Java runtime that Kafka 4 can run on, or has one installed. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { RoomlogError } from '../../core/errors.ts';
import { installPackages, onPath } from './packages.ts';

const MIN_MAJOR = 17;
const INSTALLED_JVMS = '/usr/lib/jvm';
const PACKAGES = ['openjdk-17-jre-headless|openjdk-21-jre-headless|default-jre-headless'];

export interface Java {
  readonly program: string;
  readonly home: string;
}

/** JAVA_HOME's, PATH's, or an installed one, in this order; the first that is new enough. */
export function ensureJava(): Java {
  const found = findJava();
  if (found !== null) return found;
  installPackages(`Kafka and the schema registry need Java ${MIN_MAJOR} or newer`, PACKAGES);
  const installed = findJava();
  if (installed === null) throw new RoomlogError('stack_failed', `Java ${MIN_MAJOR} was installed but is not found.`);
  return installed;
}

function findJava(): Java | null {
  const candidates: string[] = [];
  if (process.env.JAVA_HOME) candidates.push(join(process.env.JAVA_HOME, 'bin', 'java'));
  const program = onPath('java');
  if (program !== null) candidates.push(program);
  if (existsSync(INSTALLED_JVMS)) {
    for (const name of readdirSync(INSTALLED_JVMS)) candidates.push(join(INSTALLED_JVMS, name, 'bin', 'java'));
  }
  for (const candidate of candidates) {
    if (!existsSync(candidate)) continue;
    const { stderr } = spawnSync(candidate, ['-version'], { encoding: 'utf8' });
    if ((javaMajor(stderr ?? '') ?? 0) < MIN_MAJOR) continue;
    // The process must be Java itself, whose pid is told, not a launcher script of a version switcher.
    const real = realpathSync(candidate);
    return { program: real, home: dirname(dirname(real)) };
  }
  return null;
}

/** Reads `java -version`: `openjdk version "17.0.15" 2025-04-15`; before Java 9 it was `"1.8.0_292"`. */
export function javaMajor(output: string): number | null {
  const [, first, second] = /version "(\d+)(?:\.(\d+))?/.exec(output) ?? [];
  if (first === undefined) return null;
  return first === '1' && second !== undefined ? Number(second) : Number(first);
}
