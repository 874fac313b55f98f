/** Presence on real Redis: servers of the test's own, so that it may kill them. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { RedisLink } from '../../adapters/redis/client.ts';
import { RedisPresence } from '../../adapters/redis/presence.ts';
import { createRedisStores } from '../../adapters/redis/stores.ts';
import { loadConfig } from '../../core/config/load.ts';
import { connectionId, gatewayId, roomId, userId } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Member, PresenceDiff, PresenceStore } from '../../core/ports/presence-store.ts';
import { MAX_LISTED, type PresenceBacking, presenceStoreContract } from '../contract/presence-store.ts';
import { RedisServer } from '../support/redis-server.ts';

const LEASE_MS = 1_000;
const RENEW_MS = 200;

interface Gateway {
  readonly store: RedisPresence;
  readonly link: RedisLink;
}

class Backing implements PresenceBacking {
  readonly server: RedisServer;
  readonly #gateways: Gateway[] = [];

  constructor(server: RedisServer) {
    this.server = server;
  }

  static async start(): Promise<Backing> {
    return new Backing(await RedisServer.open());
  }

  async open(): Promise<RedisPresence> {
    const config = loadConfig({
      flags: {
        'redis-url': this.server.url,
        'redis-command-timeout-ms': 300,
        'presence-lease-ms': LEASE_MS,
        'presence-renew-ms': RENEW_MS,
        'presence-diff-window-ms': 30,
        'presence-max-members-listed': MAX_LISTED,
      },
    });
    const link = new RedisLink(config.redis, silentLog);
    const gateway = gatewayId(`gateway-${this.#gateways.length}`);
    const store = new RedisPresence({ link, config, gateway, logger: silentLog });
    this.#gateways.push({ store, link });
    await store.start();
    return store;
  }

  linkOf(store: PresenceStore): RedisLink {
    const found = this.#gateways.find((one) => one.store === store);
    if (found === undefined) throw new Error('not of this backing');
    return found.link;
  }

  /** Without its connections the store can say nothing any more. */
  async crash(store: PresenceStore): Promise<void> {
    await this.linkOf(store).stop();
  }

  async flush(): Promise<void> {
    await this.admin((redis) => redis.flushall());
  }

  takeDown(): Promise<void> {
    return this.server.kill();
  }

  bringUp(): Promise<void> {
    return this.server.start();
  }

  async admin<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.server.url, { protocol: 2 });
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }

  async close(): Promise<void> {
    for (const { store } of this.#gateways) await store.stop();
    await this.server.close();
  }
}

presenceStoreContract('redis', () => Backing.start());

const member = (name: string): Member => ({
  user: userId(name),
  connection: connectionId(`c-${name}`),
  since: 1,
  meta: null,
});
const usersOf = async (store: PresenceStore, room: ReturnType<typeof roomId>): Promise<string[]> =>
  (await store.members(room)).members.map(({ user }) => user).sort();

describe('with the default settings', () => {
  it('a gateway process that is killed is out of its rooms within 15 s', async () => {
    const backing = await Backing.start();
    const config = loadConfig({ flags: { 'redis-url': backing.server.url } });
    const { presence } = createRedisStores(config, silentLog);
    const script = new URL('../support/presence-member.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [script, backing.server.url, 'lobby', 'victim'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      await presence.start();
      const left: string[] = [];
      presence.watch(roomId('lobby'), (diff) => void left.push(...diff.left.map(({ user }) => user)));
      expect(await usersOf(presence, roomId('lobby'))).toEqual(['victim']);
      child.kill('SIGKILL');
      const killedAt = performance.now();
      await expect.poll(() => left, { timeout: 20_000 }).toEqual(['victim']);
      expect(performance.now() - killedAt).toBeLessThan(15_000);
      expect(await usersOf(presence, roomId('lobby'))).toEqual([]);
    } finally {
      child.kill('SIGKILL');
      await presence.stop();
      await backing.close();
    }
  });
});

describe('presence on redis', () => {
  let backing: Backing;
  afterEach(() => backing.close());
  const room = roomId('lobby');

  it('makes one diff of what comes together', async () => {
    backing = await Backing.start();
    const [here, there] = [await backing.open(), await backing.open()];
    const diffs: PresenceDiff[] = [];
    there.watch(room, (diff) => diffs.push(diff));
    await there.members(room);
    const crowd = Array.from({ length: 300 }, (_, n) => member(`user-${n}`));
    await Promise.all(crowd.map((one) => here.join(room, one)));
    await expect.poll(() => diffs.flatMap(({ joined }) => joined).length).toBe(300);
    expect(diffs.length).toBeLessThanOrEqual(2);
  });

  it('starts while redis is away, and announces when it comes', async () => {
    backing = await Backing.start();
    await backing.takeDown();
    const store = await backing.open();
    expect(store.available).toBe(false);
    await expect(store.join(room, member('ada'))).rejects.toMatchObject({ code: 'redis_unreachable' });
    await backing.bringUp();
    await expect.poll(() => usersOf(store, room).catch(() => null), { timeout: 10_000 }).toEqual(['ada']);
  });

  it('answers within the time-out when redis hangs, and is true again when it goes on', async () => {
    backing = await Backing.start();
    const [here, there] = [await backing.open(), await backing.open()];
    await here.join(room, member('ada'));
    await backing.server.freeze();
    const asked = performance.now();
    await expect(here.members(room)).rejects.toMatchObject({ code: 'redis_unreachable' });
    expect(performance.now() - asked).toBeLessThan(2_000);
    await expect.poll(() => here.available, { timeout: 10_000 }).toBe(false);
    await here.leave(room, member('ada').connection);
    await here.join(room, member('bob')).catch(() => {});
    backing.server.thaw();
    await expect.poll(() => usersOf(there, room).catch(() => null), { timeout: 10_000 }).toEqual(['bob']);
  });

  it('brings back what redis lost of a room alone, without a reconnect', async () => {
    backing = await Backing.start();
    const [here, there] = [await backing.open(), await backing.open()];
    await here.join(room, member('ada'));
    await backing.admin(async (redis) => redis.del(await redis.keys('*:members')));
    await expect.poll(() => usersOf(there, room), { timeout: 10_000 }).toEqual(['ada']);
  });

  it('never shows a member of an instance that no reaper knows', async () => {
    backing = await Backing.start();
    const store = await backing.open();
    await store.join(room, member('ada'));
    await backing.admin(async (redis) => {
      const [key = ''] = await redis.keys('*:members');
      await redis.hset(key, 'c-ghost', `gone~1|${JSON.stringify(member('ghost'))}`);
    });
    expect(await usersOf(store, room)).toEqual(['ada']);
    await expect.poll(async () => (await store.members(room)).count).toBe(1);
    const [kept] = await backing.admin(async (redis) =>
      Promise.all((await redis.keys('*:members')).map((key) => redis.hlen(key))),
    );
    expect(kept).toBe(1);
  });

  it('leaves nothing behind but numbers that expire', async () => {
    backing = await Backing.start();
    const store = await backing.open();
    await store.join(room, member('ada'));
    await store.leave(room, member('ada').connection);
    await store.stop();
    const left = await backing.admin(async (redis) =>
      Promise.all((await redis.keys('*')).map(async (key) => [key, await redis.ttl(key)] as const)),
    );
    expect(left.filter(([, ttl]) => ttl === -1)).toEqual([]);
    expect(left.map(([key]) => key)).toEqual([expect.stringContaining(':version')]);
  });

  it('never lets the version go back, whatever is forgotten', async () => {
    backing = await Backing.start();
    const [here, there] = [await backing.open(), await backing.open()];
    const versions: number[] = [];
    there.watch(room, ({ version }) => versions.push(version));
    await there.members(room);
    await here.join(room, member('ada'));
    await backing.flush();
    await expect.poll(() => usersOf(there, room), { timeout: 10_000 }).toEqual(['ada']);
    await here.join(room, member('bob'));
    await expect.poll(() => versions.length).toBeGreaterThanOrEqual(3);
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(new Set(versions).size).toBe(versions.length);
  });
});
