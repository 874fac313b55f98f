/**
 * Presence in Redis. This process keeps its own members as the truth and writes them to Redis, where they may be lost at any
 * time: after a reconnect, a flush or a lost lease all of them are announced again, under a new name (see `instance.ts`).
 */
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { ConnectionId, GatewayId, RoomId } from '../../core/ids.ts';
import { type Clock, systemClock } from '../../core/ports/clock.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Member, MemberList, PresenceDiff, PresenceStore } from '../../core/ports/presence-store.ts';
import type { Changes } from '../../core/presence/changes.ts';
import { parseDiff, parseMember } from '../../core/presence/member-json.ts';
import { RoomAnnouncements } from './announcements.ts';
import type { RedisLink } from './client.ts';
import { Instance } from './instance.ts';
import { type RedisKeys, redisKeys } from './keys.ts';
import { APPLY, LIST, REAP } from './presence-scripts.ts';

/** Joins and leaves per script call; more of them go in several. */
const CHANGES_PER_CALL = 500;
/** Rooms announced at once. */
const ROOMS_PER_BATCH = 200;
/** Members whose entry is checked, and written again if it is gone, with every renewal. */
const AUDITED_MEMBERS = 2_000;

export interface RedisPresenceOptions {
  readonly link: RedisLink;
  readonly config: Pick<Config, 'presence' | 'redis'>;
  readonly gateway: GatewayId;
  readonly logger: LogSink;
  readonly clock?: Clock;
}

export class RedisPresence implements PresenceStore {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;
  readonly #config: Config['presence'];
  readonly #logger: LogSink;
  readonly #clock: Clock;
  readonly #instance: Instance;
  readonly #local = new Map<RoomId, Map<ConnectionId, Member>>();
  readonly #announcements: RoomAnnouncements;
  readonly #watched = new Set<RoomId>();
  /** Rooms that Redis knows to hold members under the present name. */
  readonly #indexed = new Set<RoomId>();
  /** Something may be missing or too much in Redis: announce all again as soon as it can be reached. */
  #stale = true;
  #timer: NodeJS.Timeout | null = null;
  #ticking: Promise<void> | null = null;
  #auditFrom = 0;

  constructor({ link, config, gateway, logger, clock = systemClock }: RedisPresenceOptions) {
    this.#link = link;
    this.#keys = redisKeys(config.redis.prefix);
    this.#config = config.presence;
    this.#logger = logger;
    this.#clock = clock;
    this.#instance = new Instance(link, this.#keys, gateway, config.presence.leaseMs);
    this.#announcements = new RoomAnnouncements(config.presence.diffWindowMs, clock, (room, changes) =>
      this.#tell(room, changes),
    );
  }

  get available(): boolean {
    return this.#link.available;
  }

  async start(): Promise<void> {
    if (this.#timer !== null) return;
    this.#link.onAvailable(() => {
      this.#stale = true;
      void this.#tick();
    });
    this.#timer = setInterval(() => void this.#tick(), this.#config.renewMs);
    await this.#link.start();
    await this.#tick();
  }

  async stop(): Promise<void> {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    await this.#ticking;
    await this.#announcements.stop();
    for (const room of this.#watched) this.unwatch(room);
    this.#local.clear();
    // Gone from Redis with the name, all at once; where Redis is away, when the lease runs out.
    await this.#instance.retire(this.#instance.name).catch(() => {});
    await this.#link.stop();
  }

  async join(room: RoomId, member: Member): Promise<void> {
    let members = this.#local.get(room);
    if (members === undefined) {
      members = new Map();
      this.#local.set(room, members);
    }
    members.set(member.connection, member);
    if (!this.available) {
      this.#stale = true;
      throw new RoomlogError('redis_unreachable');
    }
    await this.#announcements.join(room, member);
  }

  async leave(room: RoomId, connection: ConnectionId): Promise<void> {
    const members = this.#local.get(room);
    members?.delete(connection);
    if (members?.size === 0) this.#local.delete(room);
    if (this.available) await this.#announcements.leave(room, connection).catch(() => {});
    else this.#stale = true;
  }

  async members(room: RoomId): Promise<MemberList> {
    if (!this.available) throw new RoomlogError('redis_unreachable');
    // A diff between the list and the start of listening would be missed unseen.
    await this.#link.channels.settled(this.#keys.diffs(room));
    const keys = [this.#keys.members(room), this.#keys.version(room)];
    const answer = await this.#link.runScript(LIST, keys, [this.#config.maxMembersListed]);
    const [version, count, values] = answer as [string, number, string[]];
    const living = await this.#living(room, values);
    return { version: Number(version), members: living, count: count - (values.length - living.length) };
  }

  watch(room: RoomId, onDiff: (diff: PresenceDiff) => void): void {
    this.#watched.add(room);
    this.#link.channels.listen(this.#keys.diffs(room), (message) => {
      const diff = parseDiff(room, message.toString());
      if (diff !== null) onDiff(diff);
    });
  }

  unwatch(room: RoomId): void {
    if (this.#watched.delete(room)) this.#link.channels.unlisten(this.#keys.diffs(room));
  }

  /** Members whose instance lives. Others are reaped here and now, should no reaper know of them. */
  async #living(room: RoomId, values: readonly string[]): Promise<Member[]> {
    const instanceOf = (value: string): string => value.slice(0, value.indexOf('|'));
    const names = [...new Set(values.map(instanceOf))].filter((name) => name !== this.#instance.name);
    const alive = await Promise.all(names.map((name) => this.#instance.isAlive(name)));
    const dead = new Set(names.filter((_, at) => !alive[at]));
    for (const name of dead) this.#link.runScript(REAP, this.#roomKeys(room), [name]).catch(() => {});
    return values
      .filter((value) => !dead.has(instanceOf(value)))
      .map((value) => parseMember(value.slice(value.indexOf('|') + 1)))
      .filter((member) => member !== null);
  }

  #roomKeys(room: RoomId): string[] {
    return [this.#keys.members(room), this.#keys.version(room), this.#keys.diffs(room)];
  }

  /** One tick at a time: renew, or announce all again, then reap. */
  #tick(): Promise<void> {
    this.#ticking ??= this.#renew().finally(() => {
      this.#ticking = null;
      // Redis came back while an earlier tick was failing: don't wait for the next one.
      if (this.#stale && this.available && this.#timer !== null) setImmediate(() => void this.#tick());
    });
    return this.#ticking;
  }

  async #renew(): Promise<void> {
    if (!this.available) return;
    try {
      if (this.#stale || !(await this.#instance.renew())) await this.#announceAll();
      else await this.#audit();
      const reaped = await this.#instance.reapDead();
      if (reaped > 0) this.#logger.info({ reaped }, 'took the members of dead gateways out of their rooms');
    } catch (error) {
      this.#stale = true;
      this.#logger.debug({ error }, 'presence could not be renewed');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    this.#announcements.forgetQuiet();
  }

  async #announceAll(): Promise<void> {
    this.#stale = false;
    this.#indexed.clear();
    const retired = await this.#instance.begin();
    // Watched rooms get a diff even where nothing changed: those who missed one see the number jump, and ask again.
    const rooms = [...new Set([...this.#local.keys(), ...this.#watched])];
    let renewedAt = this.#clock.monotonic();
    for (let at = 0; at < rooms.length; at += ROOMS_PER_BATCH) {
      const batch = rooms.slice(at, at + ROOMS_PER_BATCH);
      await Promise.all(batch.map((room) => this.#tell(room, this.#truth(room), this.#watched.has(room))));
      if (this.#clock.monotonic() - renewedAt > this.#config.renewMs) {
        await this.#instance.renew();
        renewedAt = this.#clock.monotonic();
      }
    }
    await this.#instance.retire(retired);
    this.#logger.debug({ rooms: rooms.length }, 'announced all members');
  }

  /** Writes some rooms' members again, in turn, so that whatever else Redis may have lost comes back as well. */
  async #audit(): Promise<void> {
    const rooms = [...this.#local.keys()];
    let members = 0;
    for (let done = 0; done < rooms.length && members < AUDITED_MEMBERS; done++) {
      const room = rooms[this.#auditFrom++ % rooms.length];
      if (room === undefined) continue;
      const truth = this.#truth(room);
      members += truth.joins.size;
      await this.#tell(room, truth);
    }
  }

  #truth(room: RoomId): Changes {
    return { joins: this.#local.get(room) ?? new Map(), leaves: new Set() };
  }

  /** Writes changes of a room and has them published. Everything is handed to the connection before this returns. */
  async #tell(room: RoomId, { joins, leaves }: Changes, always = false): Promise<void> {
    const keys = this.#roomKeys(room);
    const writes: Promise<unknown>[] = [];
    if (joins.size > 0 && !this.#indexed.has(room)) {
      this.#indexed.add(room);
      writes.push(this.#link.run((redis) => redis.sadd(this.#keys.rooms(this.#instance.name), room)));
    }
    const changes = [
      ...[...joins.values()].map((member) => ({ member })),
      ...[...leaves].map((leaves) => ({ leaves })),
    ];
    for (let at = 0; at < Math.max(changes.length, 1); at += CHANGES_PER_CALL) {
      const joined: string[] = [];
      const left: string[] = [];
      for (const change of changes.slice(at, at + CHANGES_PER_CALL)) {
        if ('member' in change) joined.push(change.member.connection, JSON.stringify(change.member));
        else left.push(change.leaves);
      }
      const last = at + CHANGES_PER_CALL >= changes.length;
      const args = [this.#instance.name, always && last ? '1' : '0', joined.length / 2, ...joined, ...left];
      writes.push(this.#link.runScript(APPLY, keys, args));
    }
    if (!this.#local.has(room) && this.#indexed.delete(room)) {
      writes.push(this.#link.run((redis) => redis.srem(this.#keys.rooms(this.#instance.name), room)));
    }
    try {
      await Promise.all(writes);
    } catch (error) {
      // Whether it was done is not known.
      this.#stale = true;
      throw error;
    }
  }
}

/** Before a failed renewal is tried again. */
const RETRY_MS = 250;
