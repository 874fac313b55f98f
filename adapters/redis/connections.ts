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
/** Entries written by one script. */
const BATCH = 500;
/** How long comings and goings are gathered: each command costs this process as much as several of them in one script. */
const GATHER_MS = 20;
/** Connections of one user that are told. */
const MAX_TOLD = 1_000;

/**
 * KEYS: a hash for each entry. ARGV: lease ms; then connection and JSON for each, '' to take it out. The expiry goes by Redis's clock, so that no
 * gateway's matters.
 */
const WRITE = script(`
local time = redis.call('TIME')
local ends = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1]))
for at = 1, #KEYS do
  local connection, text = ARGV[at * 2], ARGV[at * 2 + 1]
  if text == '' then redis.call('HDEL', KEYS[at], connection)
  else
    redis.call('HSET', KEYS[at], connection, ends .. '|' .. text)
    redis.call('PEXPIRE', KEYS[at], ARGV[1])
  end
end
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

/** What is to be written: an entry, or that there is none any more. */
interface Write {
  readonly user: UserId;
  readonly connection: ConnectionId;
  readonly entry: ConnectionEntry | null;
}

export class RedisConnectionRegistry implements ConnectionRegistry {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;
  readonly #local = new Map<ConnectionId, ConnectionEntry>();
  /** Gathered since the last write; at most one for each connection. */
  #gathered = new Map<ConnectionId, Write>();
  #gathering: { readonly timer: NodeJS.Timeout; readonly written: PromiseWithResolvers<void> } | null = null;
  #timer: NodeJS.Timeout | null = null;
  #rewriting: Promise<void> | null = null;
  /** 1 where Redis is a cluster, which takes no script over several users. */
  #batch = BATCH;

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
    for (const { user, connection } of this.#local.values()) this.#gather({ user, connection, entry: null });
    this.#local.clear();
    await this.#writeGathered();
    await this.#link.stop();
  }

  async add(entry: ConnectionEntry): Promise<void> {
    const { user, connection } = entry;
    this.#local.set(connection, entry);
    await this.#gather({ user, connection, entry });
  }

  async remove(user: UserId, connection: ConnectionId): Promise<void> {
    this.#local.delete(connection);
    // Come and gone within the same moment: nobody has seen it.
    if (this.#gathered.get(connection)?.entry) this.#gathered.delete(connection);
    else await this.#gather({ user, connection, entry: null });
  }

  async of(user: UserId): Promise<readonly ConnectionEntry[]> {
    if (!this.available) throw new RoomlogError('redis_unreachable');
    const told = (await this.#link.runScript(TELL, [this.#keys.connections(user)], [MAX_TOLD])) as string[];
    return told.map((text) => JSON.parse(text) as ConnectionEntry);
  }

  /** Resolves when it has been written, or could not be. */
  #gather(write: Write): Promise<void> {
    this.#gathered.set(write.connection, write);
    this.#gathering ??= {
      timer: setTimeout(() => void this.#writeGathered(), GATHER_MS),
      written: Promise.withResolvers<void>(),
    };
    return this.#gathering.written.promise;
  }

  async #writeGathered(): Promise<void> {
    if (this.#gathering === null) return;
    const { timer, written } = this.#gathering;
    clearTimeout(timer);
    const all = [...this.#gathered.values()];
    this.#gathered = new Map();
    this.#gathering = null;
    await this.#write(all);
    written.resolve();
  }

  #rewrite(): Promise<void> {
    const all = [...this.#local.values()].map((entry) => ({ ...entry, entry }));
    // One may have gone while its turn was waited for.
    const isWanted = ({ connection }: Write): boolean => this.#local.has(connection);
    this.#rewriting ??= this.#write(all, isWanted).finally(() => {
      this.#rewriting = null;
    });
    return this.#rewriting;
  }

  /** Stops at the first failure: Redis is away, and all is written again when it is back. */
  async #write(writes: readonly Write[], isWanted: (write: Write) => boolean = () => true): Promise<void> {
    for (let at = 0; at < writes.length && this.available; ) {
      const some = writes.slice(at, at + this.#batch);
      at += some.length;
      try {
        await this.#run(some.filter(isWanted));
      } catch (thrown) {
        if (this.#batch === 1 || !isCrossSlot(thrown)) return;
        this.#batch = 1;
        at -= some.length;
      }
    }
  }

  async #run(writes: readonly Write[]): Promise<void> {
    if (writes.length === 0) return;
    const keys = writes.map(({ user }) => this.#keys.connections(user));
    const texts = writes.flatMap(({ connection, entry }) => [connection, entry === null ? '' : JSON.stringify(entry)]);
    await this.#link.runScript(WRITE, keys, [ENTRY_MS, ...texts]);
  }
}

const isCrossSlot = (thrown: unknown): boolean =>
  thrown instanceof RoomlogError && thrown.cause instanceof Error && thrown.cause.message.startsWith('CROSSSLOT');
