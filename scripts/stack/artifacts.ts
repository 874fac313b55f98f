/**
 * The JVM services' files: fetched once through Maven by deploy/local/pom.xml, compared with the committed checksums, and
 * kept in a cache. A folder of the cache appears complete or not at all, and is compared again at every start.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { RoomlogError } from '../../core/errors.ts';
import { checkSums, listSums, parseSums, type Sums } from './checksums.ts';
import { installPackages, onPath } from './packages.ts';
import { ROOT } from './root.ts';

export interface Artifacts {
  /** Folder of Kafka's jars. */
  readonly kafkaLib: string;
  /** The registry's runnable jar; its `lib` lies beside it. */
  readonly registryJar: string;
}

const LOCAL = join(ROOT, 'deploy', 'local');
const REGISTRY_JAR = 'apicurio-registry-app-2.6.13.Final-runner.jar';
/** Written into the registry's folder when it is unpacked from the checked archive. */
const UNPACKED_SUMS = 'unpacked.sha256';
const FETCH_ATTEMPTS = 3;

export function cacheDir(): string {
  const override = process.env.ROOMLOG_CACHE_DIR;
  if (override !== undefined && override !== '') return override;
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'roomlog');
}

/** Where both services' files lie, fetched if need be. Throws `stack_failed` when they can't be had or are not the pinned ones. */
export async function ensureArtifacts(javaHome: string, say: (line: string) => void): Promise<Artifacts> {
  const kafkaSums = readFileSync(join(LOCAL, 'kafka.sha256'), 'utf8');
  const registrySums = readFileSync(join(LOCAL, 'registry.sha256'), 'utf8');
  const cache = cacheDir();
  const kafkaLib = join(cache, `kafka-${version(kafkaSums)}`);
  const registryDir = join(cache, `registry-${version(registrySums)}`);
  if (!existsSync(kafkaLib) || !existsSync(registryDir)) {
    say('Fetching Apache Kafka and Apicurio Registry (about 200 MB, once)');
    mkdirSync(cache, { recursive: true });
    const fetched = mkdtempSync(join(cache, 'fetch-'));
    try {
      fetch(fetched, javaHome, say);
      await require(join(fetched, 'kafka'), parseSums(kafkaSums));
      await require(join(fetched, 'registry'), parseSums(registrySums));
      publish(join(fetched, 'kafka'), kafkaLib);
      publish(await unpack(join(fetched, 'registry'), parseSums(registrySums)), registryDir);
    } finally {
      rmSync(fetched, { recursive: true, force: true });
    }
  }
  await require(kafkaLib, parseSums(kafkaSums));
  await require(registryDir, parseSums(readFileSync(join(registryDir, UNPACKED_SUMS), 'utf8')));
  return { kafkaLib, registryJar: join(registryDir, REGISTRY_JAR) };
}

function version(sums: string): string {
  return createHash('sha256').update(sums).digest('hex').slice(0, 12);
}

function fetch(out: string, javaHome: string, say: (line: string) => void): void {
  if (onPath('mvn') === null) installPackages('The local stack fetches its Java programs through Maven', ['maven']);
  const mvn = onPath('mvn') ?? 'mvn';
  const args = ['-B', '-ntp', '-q', '-f', join(LOCAL, 'pom.xml'), `-Droomlog.out=${out}`, 'package'];
  for (let attempt = 1; ; attempt += 1) {
    const result = spawnSync(mvn, args, { env: { ...process.env, JAVA_HOME: javaHome }, encoding: 'utf8' });
    if (result.status === 0) return;
    const problem = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`.trim();
    if (attempt === FETCH_ATTEMPTS) {
      throw new RoomlogError(
        'stack_failed',
        `Maven could not fetch Kafka and the registry (is there network?):\n${problem.split('\n').slice(0, 12).join('\n')}`,
      );
    }
    say(`Fetching failed (${problem.split('\n')[0] ?? 'no message'}); trying again`);
  }
}

/** Unpacks the archive and notes the sums of what came out of it, so that later starts can tell damage. */
async function unpack(dir: string, archive: Sums): Promise<string> {
  const unpacked = join(dir, 'unpacked');
  mkdirSync(unpacked);
  for (const name of archive.keys()) execFileSync('tar', ['-xzf', join(dir, name), '-C', unpacked]);
  writeFileSync(join(unpacked, UNPACKED_SUMS), await listSums(unpacked));
  return unpacked;
}

async function require(dir: string, sums: Sums): Promise<void> {
  const faults = await checkSums(dir, sums);
  if (faults.length === 0) return;
  const shown = faults.slice(0, 5).join('\n  ');
  throw new RoomlogError(
    'stack_failed',
    `${faults.length} files in ${dir} are not the pinned ones:\n  ${shown}\nDelete that folder and run this again.`,
  );
}

/** Another `up` may have been faster: its folder is as good. */
function publish(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}
