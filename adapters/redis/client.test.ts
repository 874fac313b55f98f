import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { loadConfig } from '../../core/config/load.ts';
import { roomId } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { RedisLink } from './client.ts';
import { createRedisStores } from './stores.ts';

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

it('without a Redis everything starts, refuses at once, and stops', async () => {
  const url = `redis://127.0.0.1:${await closedPort()}`;
  const metrics = createMetrics();
  const { presence, ephemeral, connections } = createRedisStores(
    loadConfig({ flags: { 'redis-url': url } }),
    silentLog,
    { metrics },
  );
  const startedAt = performance.now();
  for (const store of [presence, ephemeral, connections]) await store.start();
  const room = roomId('lobby');
  presence.watch(room, () => {});
  ephemeral.listen(room, () => {});
  await expect(presence.members(room)).rejects.toMatchObject({ code: 'redis_unreachable' });
  await expect(ephemeral.publish(room, Buffer.from('x'))).rejects.toMatchObject({ code: 'redis_unreachable' });
  const text = await metrics.render();
  expect(text).toMatch(/^roomlog_redis_up 0$/m);
  for (const store of [presence, ephemeral, connections]) await store.stop();
  await metrics.shutdown();
  expect(performance.now() - startedAt).toBeLessThan(3_000);
});

it('counts calls by their outcome', async () => {
  const outcomes: string[] = [];
  const { redis } = loadConfig({ flags: { 'redis-url': `redis://127.0.0.1:${await closedPort()}` } });
  const link = new RedisLink(redis, silentLog, {
    called: (outcome) => void outcomes.push(outcome),
    opened: () => {},
  });
  await expect(link.run((commands) => commands.ping())).rejects.toMatchObject({ code: 'redis_unreachable' });
  expect(await link.run(async () => 'PONG')).toBe('PONG');
  expect(outcomes).toEqual(['failed', 'answered']);
  await link.stop();
});

it('a password in the URL is not in what is thrown or logged', async () => {
  const lines: unknown[] = [];
  const sink = {
    debug: (...line: unknown[]) => lines.push(line),
    info: () => {},
    warn: (...line: unknown[]) => lines.push(line),
    error: () => {},
  };
  const url = `redis://:hush-hush@127.0.0.1:${await closedPort()}`;
  const { presence } = createRedisStores(loadConfig({ flags: { 'redis-url': url } }), sink);
  await presence.start();
  const thrown = await presence.members(roomId('lobby')).catch((error: Error) => `${error.message} ${error.cause}`);
  await presence.stop();
  expect(lines.length).toBeGreaterThan(0);
  expect(JSON.stringify([lines, thrown])).not.toContain('hush');
});
