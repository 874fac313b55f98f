import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import { freePortBase, isFree, takenPorts } from './port-holder.ts';
import { BLOCK_PORTS } from './ports.ts';

const servers: Server[] = [];
/** `::` takes IPv4 too, where the machine has IPv6. */
const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ family }) => family === 'IPv6'));
const HOSTS = ['127.0.0.1', '0.0.0.0', ...(hasIPv6 ? ['::'] : [])];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function listen(host: string): Promise<number> {
  const server = createServer().listen(0, host);
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

describe('a taken port', () => {
  it.each(HOSTS)('is named with the process that listens on %s', async (host) => {
    const port = await listen(host);
    const [taken] = await takenPorts([port]);
    expect(taken).toMatchObject({ port, pid: process.pid });
    expect(taken?.command).toContain('node');
  });

  it('is free again when nobody listens', async () => {
    const port = await listen('127.0.0.1');
    const [server] = servers.splice(0);
    server?.close();
    await expect.poll(() => isFree(port)).toBe(true);
  });
});

describe('a free block', () => {
  it('lies below the ports of outgoing connections', async () => {
    const base = await freePortBase();
    expect(base).toBeGreaterThanOrEqual(10_000);
    expect(base + BLOCK_PORTS).toBeLessThanOrEqual(32_768);
  });
});
