/** The bus and the connection registry on real Redis, on a server of the test's own. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisLink } from '../../adapters/redis/client.ts';
import { RedisConnectionRegistry } from '../../adapters/redis/connections.ts';
import { RedisEphemeralBus } from '../../adapters/redis/ephemeral.ts';
import { loadConfig } from '../../core/config/load.ts';
import { connectionId, gatewayId, roomId, userId } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { RedisServer } from '../support/redis-server.ts';

let server: RedisServer;
let links: RedisLink[] = [];
const room = roomId('a}{ room');

beforeEach(async () => {
  server = await RedisServer.open();
});
afterEach(async () => {
  for (const link of links) await link.stop();
  links = [];
  await server.close();
});

async function openLink(): Promise<{ link: RedisLink; config: ReturnType<typeof loadConfig>['redis'] }> {
  const config = loadConfig({ flags: { 'redis-url': server.url, 'redis-command-timeout-ms': 300 } }).redis;
  const link = new RedisLink(config, silentLog);
  links.push(link);
  return { link, config };
}

async function openBus(): Promise<{ bus: RedisEphemeralBus; heard: string[]; link: RedisLink }> {
  const { link, config } = await openLink();
  const bus = new RedisEphemeralBus(link, config);
  await bus.start();
  const heard: string[] = [];
  bus.listen(room, (frame) => void heard.push(frame.toString()));
  return { bus, heard, link };
}

/** Publishes until it is heard: whether a subscription stands is not told to a publisher. */
async function untilHeard(bus: RedisEphemeralBus, heard: string[], text: string): Promise<void> {
  await expect
    .poll(
      async () => {
        await bus.publish(room, Buffer.from(text)).catch(() => {});
        return heard.includes(text);
      },
      { timeout: 10_000 },
    )
    .toBe(true);
}

describe('the ephemeral bus', () => {
  it('brings a frame to every gateway that listens to the room, the sender included, byte for byte', async () => {
    const [here, there] = [await openBus(), await openBus()];
    await untilHeard(here.bus, there.heard, 'ready?');
    await untilHeard(there.bus, here.heard, 'ready!');
    const frame = Buffer.from('{"type":"event","data":"\u00fc\u2028"}');
    await here.bus.publish(room, frame);
    await here.bus.publish(roomId('another'), Buffer.from('not for them'));
    await here.bus.publish(room, Buffer.from('end'));
    for (const { heard } of [here, there]) {
      await expect.poll(() => heard.at(-1)).toBe('end');
      expect(heard.at(-2)).toBe(frame.toString());
      expect(heard).not.toContain('not for them');
    }
  });

  it('is silent to those who stopped listening, also when they changed their mind quickly', async () => {
    const [here, there] = [await openBus(), await openBus()];
    await untilHeard(here.bus, there.heard, 'ready?');
    there.bus.unlisten(room);
    const again: string[] = [];
    there.bus.listen(room, (frame) => void again.push(frame.toString()));
    await untilHeard(here.bus, again, 'again');
    there.bus.unlisten(room);
    const before = again.length;
    await here.bus.publish(room, Buffer.from('gone'));
    await untilHeard(here.bus, here.heard, 'fence');
    expect(again).toHaveLength(before);
    expect(there.heard).not.toContain('gone');
  });

  it('refuses while redis is away, and works again by itself after a kill and restart', async () => {
    const [here, there] = [await openBus(), await openBus()];
    await untilHeard(here.bus, there.heard, 'before');
    await server.kill();
    await expect.poll(() => here.bus.available).toBe(false);
    await expect(here.bus.publish(room, Buffer.from('x'))).rejects.toMatchObject({ code: 'redis_unreachable' });
    there.bus.unlisten(room);
    const later: string[] = [];
    there.bus.listen(room, (frame) => void later.push(frame.toString()));
    await server.start();
    await untilHeard(here.bus, later, 'after');
  });
});

describe('the connection registry', () => {
  const entry = (user: string, connection: string, gateway: string) => ({
    user: userId(user),
    connection: connectionId(connection),
    gateway: gatewayId(gateway),
    since: 5,
  });

  async function openRegistry(): Promise<RedisConnectionRegistry> {
    const { link, config } = await openLink();
    const registry = new RedisConnectionRegistry(link, config);
    await registry.start();
    return registry;
  }

  /** Commands that the server has run, by name, as `INFO commandstats` counts them. */
  async function commandsRun(): Promise<Record<string, number>> {
    const { link } = await openLink();
    await link.start();
    const told = await link.run((redis) => redis.info('commandstats'));
    return Object.fromEntries(
      [...told.matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map(([, name, calls]) => [name, Number(calls)]),
    );
  }

  const many = Array.from({ length: 700 }, (_, index) => entry(`user-${index}`, `c${index}`, 'g1'));

  it('writes those that come together by a few scripts, and nothing of one that leaves in the same moment', async () => {
    const registry = await openRegistry();
    const adding = Promise.all(many.map((one) => registry.add(one)));
    const [gone, ...stay] = many as [(typeof many)[number], ...typeof many];
    await registry.remove(gone.user, gone.connection);
    await adding;
    for (const one of stay.slice(-3)) expect(await registry.of(one.user)).toEqual([one]);
    expect(await registry.of(gone.user)).toEqual([]);
    const { eval: whole = 0, evalsha = 0, hset, hdel = 0 } = await commandsRun();
    expect(hset).toBe(stay.length);
    expect(hdel).toBe(0);
    // Two of them write, once by name and once in full; the others have just told.
    expect(whole + evalsha).toBeLessThan(20);
    await registry.stop();
    expect((await commandsRun()).hdel).toBe(stay.length);
  });

  it('writes one by one where redis is a cluster, whose scripts keep to one slot', async () => {
    await server.close();
    server = await RedisServer.openCluster();
    const { link } = await openLink();
    await link.start();
    await link.run((redis) => redis.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383'));
    await expect
      .poll(() => link.run((redis) => redis.call('CLUSTER', 'INFO')).then(String), { timeout: 20_000 })
      .toContain('cluster_state:ok');
    const registry = await openRegistry();
    await Promise.all(many.slice(0, 50).map((one) => registry.add(one)));
    for (const one of many.slice(0, 50)) expect(await registry.of(one.user)).toEqual([one]);
    await registry.stop();
  });

  it('tells the connections of a user on all gateways, and forgets those of one that stops', async () => {
    const [here, there] = [await openRegistry(), await openRegistry()];
    const [a, b] = [entry('ada', 'c1', 'g1'), entry('ada', 'c2', 'g2')];
    await here.add(a);
    await there.add(b);
    await there.add(entry('bob', 'c3', 'g2'));
    const byConnection = async () =>
      [...(await here.of(userId('ada')))].sort((x, y) => (x.connection < y.connection ? -1 : 1));
    expect(await byConnection()).toEqual([a, b]);
    await here.remove(a.user, a.connection);
    expect(await byConnection()).toEqual([b]);
    await there.stop();
    expect(await byConnection()).toEqual([]);
    await here.stop();
  });

  it('writes its entries again after redis lost them', async () => {
    const registry = await openRegistry();
    const ada = entry('ada', 'c1', 'g1');
    await registry.add(ada);
    await server.kill();
    await expect.poll(() => registry.available).toBe(false);
    await expect(registry.of(ada.user)).rejects.toMatchObject({ code: 'redis_unreachable' });
    const bob = entry('bob', 'c2', 'g1');
    await registry.add(bob);
    await server.start();
    await expect.poll(() => registry.of(ada.user).catch(() => null), { timeout: 10_000 }).toEqual([ada]);
    await expect.poll(() => registry.of(bob.user).catch(() => null), { timeout: 10_000 }).toEqual([bob]);
    await registry.stop();
  });
});

describe('the circuit breaker before Redis', () => {
  const ping = (link: RedisLink): Promise<unknown> => link.run((redis) => redis.ping());
  const millis = async (work: () => Promise<unknown>): Promise<number> => {
    const startedAt = performance.now();
    await work().catch(() => {});
    return performance.now() - startedAt;
  };

  it('opens after a few commands in a row that got no answer, then refuses at once, and closes by itself', async () => {
    const { link } = await openLink();
    await link.start();
    expect(link.circuit).toBe('closed');
    await server.freeze();
    const unanswered = await Promise.all(Array.from({ length: 5 }, () => millis(() => ping(link))));
    for (const waitedMs of unanswered) expect(waitedMs).toBeGreaterThan(200);
    expect(link.available).toBe(false);
    const refused = await Promise.all(Array.from({ length: 100 }, () => millis(() => ping(link))));
    for (const waitedMs of refused) expect(waitedMs).toBeLessThan(100);
    await expect(ping(link)).rejects.toMatchObject({ code: 'redis_unreachable' });
    server.thaw();
    await expect.poll(() => link.circuit, { timeout: 10_000 }).toBe('closed');
    expect(await ping(link)).toBe('PONG');
  });

  it('is not opened by what Redis answers, be it an error', async () => {
    const { link } = await openLink();
    await link.start();
    for (let count = 0; count < 20; count += 1) {
      await expect(link.run((redis) => redis.call('GET'))).rejects.toMatchObject({ code: 'redis_unreachable' });
    }
    expect(link.circuit).toBe('closed');
  });

  it('opens at once with a connection that is lost', async () => {
    const { link } = await openLink();
    await link.start();
    await server.kill();
    // Long before the next ping would tell.
    await expect.poll(() => link.available, { timeout: 500, interval: 10 }).toBe(false);
    expect(await millis(() => ping(link))).toBeLessThan(100);
    await server.start();
    await expect.poll(() => link.available, { timeout: 10_000 }).toBe(true);
  });
});
