/** Builds the contenders written in Go into the cache: Go itself sees to it that nothing is compiled twice. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir } from '../../scripts/stack/artifacts.ts';

const SOURCES = fileURLToPath(new URL('native', import.meta.url));
/** As in go.mod. */
const GO = '1.26';

export interface NativePrograms {
  readonly floor: string;
  readonly nats: string;
  /** Of Go and the modules that matter, as a result names them. */
  readonly versions: Readonly<Record<string, string>>;
}

/** Throws where there is no Go, or an older one. */
export function buildNative(): NativePrograms {
  const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-buildvcs=false' };
  const go = (...args: readonly string[]): string =>
    execFileSync('go', args, { cwd: SOURCES, env, encoding: 'utf8', stdio: ['ignore', 'pipe', process.stderr] });
  const dir = join(cacheDir(), 'bench-native');
  mkdirSync(dir, { recursive: true });
  try {
    go('build', '-o', `${dir}/`, './floor', './nats');
  } catch (thrown) {
    const hint = `The contenders native and nats need Go ${GO} or later; --contenders leaves them out.`;
    throw new Error(`${hint} ${thrown instanceof Error ? thrown.message : ''}`, { cause: thrown });
  }
  const required = [...readFileSync(join(SOURCES, 'go.mod'), 'utf8').matchAll(/^\t(\S+) (v\S+)$/gm)];
  const modules = required.map(([, module = '', version = '']) => [module, version] as const);
  return {
    floor: join(dir, 'floor'),
    nats: join(dir, 'nats'),
    versions: { go: go('env', 'GOVERSION').trim(), ...Object.fromEntries(modules) },
  };
}
