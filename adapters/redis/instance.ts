/**
 * Under which name this process keeps things in Redis, and the lease that says it lives. One key is renewed for all of its
 * members together. The name is given up whenever Redis may have forgotten or outlived something (a lost lease, a
 * reconnect): all is announced again under a new name, and what is left under the old one is reaped. So a reaper
 * and a process that only slept never fight over a member.
 */
import { randomBytes } from 'node:crypto';
import type { GatewayId } from '../../core/ids.ts';
import type { RedisLink } from './client.ts';
import type { RedisKeys } from './keys.ts';
import { REAP } from './presence-scripts.ts';

const SUFFIX_BYTES = 6;
/** Rooms reaped at once. */
const REAP_BATCH = 200;

export class Instance {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;
  readonly #gateway: GatewayId;
  readonly #leaseMs: number;
  #name: string;

  constructor(link: RedisLink, keys: RedisKeys, gateway: GatewayId, leaseMs: number) {
    this.#link = link;
    this.#keys = keys;
    this.#gateway = gateway;
    this.#leaseMs = leaseMs;
    this.#name = freshName(gateway);
  }

  get name(): string {
    return this.#name;
  }

  /** Takes a new name and its lease. Answers with the old name, to be retired when all stands under the new one. */
  async begin(): Promise<string> {
    const old = this.#name;
    this.#name = freshName(this.#gateway);
    const name = this.#name;
    await this.#link.run(async (redis) => {
      // The lease first: an instance that is listed and has none is dead.
      const leased = redis.set(this.#keys.lease(name), '1', 'PX', this.#leaseMs);
      await Promise.all([leased, redis.sadd(this.#keys.instances(), name)]);
    });
    return old;
  }

  /** False where the lease was lost. */
  async renew(): Promise<boolean> {
    return await this.#link.run(async (redis) => {
      const renewed = redis.pexpire(this.#keys.lease(this.#name), this.#leaseMs);
      await Promise.all([renewed, redis.sadd(this.#keys.instances(), this.#name)]);
      return (await renewed) === 1;
    });
  }

  /** Leaves a name to the reapers at once. Its members that were not announced under another name are gone after it. */
  async retire(name: string): Promise<void> {
    await this.#link.run((redis) =>
      Promise.all([redis.sadd(this.#keys.instances(), name), redis.del(this.#keys.lease(name))]),
    );
    await reap(this.#link, this.#keys, name);
  }

  /** Reaps every instance whose lease has run out. Any number of processes may do so at once. Answers with how many there were. */
  async reapDead(): Promise<number> {
    const names = await this.#link.run((redis) => redis.smembers(this.#keys.instances()));
    const others = names.filter((name) => name !== this.#name);
    const alive = await Promise.all(others.map((name) => this.isAlive(name)));
    const dead = others.filter((_, at) => !alive[at]);
    for (const name of dead) await reap(this.#link, this.#keys, name);
    return dead.length;
  }

  async isAlive(name: string): Promise<boolean> {
    return (await this.#link.run((redis) => redis.exists(this.#keys.lease(name)))) === 1;
  }
}

const freshName = (gateway: GatewayId): string =>
  `${encodeURIComponent(gateway)}~${randomBytes(SUFFIX_BYTES).toString('hex')}`;

async function reap(link: RedisLink, keys: RedisKeys, name: string): Promise<void> {
  const rooms = (await link.run((redis) => redis.smembers(keys.rooms(name)))) as Parameters<RedisKeys['members']>[0][];
  for (let at = 0; at < rooms.length; at += REAP_BATCH) {
    const batch = rooms.slice(at, at + REAP_BATCH);
    await Promise.all(
      batch.map((room) => link.runScript(REAP, [keys.members(room), keys.version(room), keys.diffs(room)], [name])),
    );
  }
  // Last, so that a reaper that dies half-way leaves the rest to be found.
  await link.run((redis) => Promise.all([redis.del(keys.rooms(name)), redis.srem(keys.instances(), name)]));
}
