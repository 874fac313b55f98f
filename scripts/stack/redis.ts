/** Redis for one stack: memory only, since Redis holds only what may be lost. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { RoomlogError } from '../../core/errors.ts';
import { cacheDir } from './artifacts.ts';
import type { Service } from './launch.ts';
import { installPackages, onPath } from './packages.ts';

/**
 * The server's program. Debian's redis-tools has it too, without the package that makes a system service: redis-check-rdb is
 * the server under another name, and looks at the name that it was called by.
 */
export function ensureRedis(): string {
  const found = findRedis();
  if (found !== null) return found;
  installPackages('Presence needs Redis', ['redis-tools']);
  const installed = findRedis();
  if (installed === null) throw new RoomlogError('stack_failed', 'redis-tools was installed but has no server in it.');
  return installed;
}

function findRedis(): string | null {
  const server = onPath('redis-server');
  if (server !== null) return server;
  const twin = onPath('redis-check-rdb');
  if (twin === null) return null;
  const dir = join(cacheDir(), 'bin');
  const link = join(dir, 'redis-server');
  mkdirSync(dir, { recursive: true });
  if (!existsSync(link)) symlinkSync(twin, link);
  return link;
}

export function redisService(program: string, port: number, dataDir: string): Service {
  mkdirSync(dataDir, { recursive: true });
  const flags = { bind: '127.0.0.1', port, dir: dataDir, save: '', appendonly: 'no', daemonize: 'no' };
  return {
    name: 'redis',
    command: [program, ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)])],
    env: {},
    ports: [port],
    readyWithinMs: 20_000,
    stopWithinMs: 5_000,
    ready: () => pingRedis(`redis://127.0.0.1:${port}`),
  };
}

/** Throws while Redis does not answer PING. */
export async function pingRedis(url: string): Promise<void> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on('error', () => {}); // the call below throws the same
  try {
    await client.connect();
    await client.ping();
  } finally {
    client.disconnect();
  }
}
