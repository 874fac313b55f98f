/**
 * Which connections a user has, in Redis: one hash per user, its entries marked with the time by which they must have been
 * written again. Each process writes its own again well before that, in turn; what it no longer writes fades away.
 */
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { ConnectionId, UserId } from '../../core/ids.ts';
import type { ConnectionEntry, ConnectionRegistry } from '../../core/ports/connection-registry.ts';
import { type RedisLink, script } from './client.ts';
import { type RedisKeys, redisKeys } from './keys.ts';

/** How long an entry counts without being written again. */
const ENTRY_MS = 60_000;
/** How often all entries of this process are written again. */
const REWRITE_MS = 20_000;
/** Entries written at once. */
const BATCH = 500;
/** Connections of one user that are told. */
const MAX_TOLD = 1_000;

/** KEYS: hash. ARGV: connection, JSON, lease ms. The expiry goes by Redis's clock, so that no gateway's matters. */
const ENTER = script(`
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', ends) .. '|' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
`);

/** KEYS: hash. ARGV: most to tell. Returns the JSON of those that count, and drops the others. */
const TELL = script(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all, told = redis.call('HGETALL', KEYS[1]), {}
for at = 1, #all, 2 do
  local bar = string.find(all[at + 1], '|', 1, true)
  if tonumber(string.sub(all[at + 1], 1, bar - 1)) < now then redis.call('HDEL', KEYS[1], all[at])
  elseif #told < tonumber(ARGV[1]) then told[#told + 1] = string.sub(all[at + 1], bar + 1) end
end
return told
`);

export class RedisConnectionRegistry implements ConnectionRegistry {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;
  readonly #local = new Map<ConnectionId, ConnectionEntry>();
  #timer: NodeJS.Timeout | null = null;
  #rewriting: Promise<void> | null = null;

  constructor(link: RedisLink, config: Config['redis']) {
    this.#link = link;
    this.#keys = redisKeys(config.prefix);
  }

  get available(): boolean {
    return this.#link.available;
  }

  async start(): Promise<void> {
    if (this.#timer !== null) return;
    this.#timer = setInterval(() => void this.#rewrite(), REWRITE_MS);
    this.#link.onAvailable(() => void this.#rewrite());
    await this.#link.start();
  }

  async stop(): Promise<void> {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    await this.#rewriting;
    const entries = [...this.#local.values()];
    this.#local.clear();
    await this.#inBatches(entries, ({ user, connection }) => this.#delete(user, connection));
    await this.#link.stop();
  }

  async add(entry: ConnectionEntry): Promise<void> {
    this.#local.set(entry.connection, entry);
    if (this.available) await this.#write(entry).catch(() => {});
  }

  async remove(user: UserId, connection: ConnectionId): Promise<void> {
    this.#local.delete(connection);
    if (this.available) await this.#delete(user, connection).catch(() => {});
  }

  async of(user: UserId): Promise<readonly ConnectionEntry[]> {
    if (!this.available) throw new RoomlogError('redis_unreachable');
    const told = (await this.#link.runScript(TELL, [this.#keys.connections(user)], [MAX_TOLD])) as string[];
    return told.map((text) => JSON.parse(text) as ConnectionEntry);
  }

  async #write(entry: ConnectionEntry): Promise<void> {
    const args = [entry.connection, JSON.stringify(entry), ENTRY_MS];
    await this.#link.runScript(ENTER, [this.#keys.connections(entry.user)], args);
  }

  async #delete(user: UserId, connection: ConnectionId): Promise<void> {
    await this.#link.run((redis) => redis.hdel(this.#keys.connections(user), connection));
  }

  #rewrite(): Promise<void> {
    this.#rewriting ??= this.#inBatches([...this.#local.values()], async (entry) => {
      // It may have gone while its turn was waited for.
      if (this.#local.has(entry.connection)) await this.#write(entry);
    }).finally(() => {
      this.#rewriting = null;
    });
    return this.#rewriting;
  }

  /** Stops at the first failure: Redis is away, and all is written again when it is back. */
  async #inBatches(
    entries: readonly ConnectionEntry[],
    work: (entry: ConnectionEntry) => Promise<void>,
  ): Promise<void> {
    for (let at = 0; at < entries.length && this.available; at += BATCH) {
      const done = await Promise.allSettled(entries.slice(at, at + BATCH).map(work));
      if (done.some(({ status }) => status === 'rejected')) return;
    }
  }
}
