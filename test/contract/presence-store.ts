/** What every presence store does, whatever is behind it. Run by adapters/memory and, on real Redis, by test/integration. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectionId, type RoomId, roomId, userId } from '../../core/ids.ts';
import type { Member, PresenceDiff, PresenceStore } from '../../core/ports/presence-store.ts';

export interface PresenceBacking {
  /** A started store of one more gateway. Lists at most `MAX_LISTED` members. */
  open(): Promise<PresenceStore>;
  /** As kill -9 of the gateway: it says nothing any more. */
  crash(store: PresenceStore): Promise<void>;
  /** Everything that is stored is forgotten. */
  flush(): Promise<void>;
  takeDown(): Promise<void>;
  bringUp(): Promise<void>;
  close(): Promise<void>;
}

export const MAX_LISTED = 5;
/** Far more than any lease, window or retry of the stores under test. */
const WITHIN_MS = 15_000;

const member = (user: string, connection: string, meta: string | null = null): Member => ({
  user: userId(user),
  connection: connectionId(connection),
  since: 1_700_000_000_000,
  meta,
});
const ada = member('ada', 'c-ada', '{"name":"Ada | Lovelace"}');
const bob = member('bob', 'c-bob');

/** Keeps a list by diffs, as a client does, and asks again where a version is missing. */
class Follower {
  readonly diffs: PresenceDiff[] = [];
  readonly #members = new Map<string, Member>();
  #version = -1;
  asked = 0;

  static async of(store: PresenceStore, room: RoomId): Promise<Follower> {
    const follower = new Follower();
    const ask = async (): Promise<void> => {
      follower.asked++;
      const list = await store.members(room).catch(() => null);
      if (list === null || list.version < follower.#version) return;
      follower.#version = list.version;
      follower.#members.clear();
      for (const one of list.members) follower.#members.set(one.connection, one);
    };
    store.watch(room, (diff) => {
      follower.diffs.push(diff);
      if (diff.version <= follower.#version) return;
      if (diff.version > follower.#version + 1) {
        void ask();
        return;
      }
      follower.#version = diff.version;
      for (const one of diff.left) follower.#members.delete(one.connection);
      for (const one of diff.joined) follower.#members.set(one.connection, one);
    });
    await ask();
    return follower;
  }

  get users(): string[] {
    return [...this.#members.values()].map(({ user }) => user).sort();
  }
}

const usersOf = async (store: PresenceStore, room: RoomId): Promise<string[]> =>
  (await store.members(room)).members.map(({ user }) => user).sort();

const eventually = (read: () => unknown) => expect.poll(read, { timeout: WITHIN_MS, interval: 20 });

export function presenceStoreContract(name: string, openBacking: () => Promise<PresenceBacking>): void {
  describe(`${name}, as a presence store`, () => {
    let backing: PresenceBacking;
    let here: PresenceStore;
    let there: PresenceStore;
    let room: RoomId;
    let made = 0;

    beforeEach(async () => {
      backing = await openBacking();
      here = await backing.open();
      there = await backing.open();
      room = roomId(`r }{ ${made++} ü`);
    });
    afterEach(() => backing.close());

    it('shows a member to every gateway, with what it said about itself', async () => {
      await here.join(room, ada);
      expect(await there.members(room)).toMatchObject({ members: [ada], count: 1 });
      expect(await there.members(roomId('another'))).toMatchObject({ members: [], count: 0 });
    });

    it('takes a member back', async () => {
      await here.join(room, ada);
      await there.join(room, bob);
      await here.leave(room, ada.connection);
      expect(await usersOf(there, room)).toEqual(['bob']);
    });

    it('tells every watcher of joins, changes and leaves, in versions without holes', async () => {
      const follower = await Follower.of(there, room);
      await here.join(room, ada);
      await eventually(() => follower.users).toEqual(['ada']);
      await here.join(room, { ...ada, meta: '"away"' });
      await eventually(() => follower.diffs.flatMap(({ joined }) => joined.map(({ meta }) => meta))).toEqual([
        ada.meta,
        '"away"',
      ]);
      await here.leave(room, ada.connection);
      await eventually(() => follower.users).toEqual([]);
      expect(follower.asked).toBe(1);
      const versions = follower.diffs.map(({ version }) => version);
      expect(versions).toEqual(versions.map((_, at) => (versions[0] ?? 0) + at));
    });

    it('tells nothing when nothing changes', async () => {
      await here.join(room, ada);
      const { version } = await there.members(room);
      await here.join(room, ada);
      await here.leave(room, connectionId('nobody'));
      expect((await there.members(room)).version).toBe(version);
    });

    it('lists at most so many, and counts all', async () => {
      const crowd = Array.from({ length: MAX_LISTED * 3 }, (_, n) => member(`user-${n}`, `c-${n}`));
      await Promise.all(crowd.map((one) => here.join(room, one)));
      const list = await there.members(room);
      expect(list.count).toBe(MAX_LISTED * 3);
      expect(list.members).toHaveLength(MAX_LISTED);
    });

    it('keeps the connections of one user apart', async () => {
      await here.join(room, ada);
      await there.join(room, { ...ada, connection: connectionId('c-ada-2') });
      await here.leave(room, ada.connection);
      expect((await here.members(room)).members.map(({ connection }) => connection)).toEqual(['c-ada-2']);
    });

    it('says nothing to those who stopped watching', async () => {
      const follower = await Follower.of(there, room);
      there.unwatch(room);
      const other = await Follower.of(here, room);
      await here.join(room, ada);
      await eventually(() => other.users).toEqual(['ada']);
      expect(follower.diffs).toEqual([]);
    });

    it("takes back all of a gateway's members when it stops", async () => {
      const follower = await Follower.of(there, room);
      await here.join(room, ada);
      await there.join(room, bob);
      await eventually(() => follower.users).toEqual(['ada', 'bob']);
      await here.stop();
      await eventually(() => follower.users).toEqual(['bob']);
      expect(await usersOf(there, room)).toEqual(['bob']);
    });

    it('takes the members of a killed gateway out, and tells so', async () => {
      const follower = await Follower.of(there, room);
      await here.join(room, ada);
      await there.join(room, bob);
      await eventually(() => follower.users).toEqual(['ada', 'bob']);
      await backing.crash(here);
      await eventually(() => follower.users).toEqual(['bob']);
      await eventually(() => usersOf(there, room)).toEqual(['bob']);
    });

    it('is true again after everything was forgotten', async () => {
      const follower = await Follower.of(there, room);
      await here.join(room, ada);
      await there.join(room, bob);
      await eventually(() => follower.users).toEqual(['ada', 'bob']);
      await backing.flush();
      await eventually(() => usersOf(here, room)).toEqual(['ada', 'bob']);
      await eventually(() => follower.users).toEqual(['ada', 'bob']);
    });

    it('refuses while the store is away, and makes up for what happened meanwhile when it is back', async () => {
      const carl = member('carl', 'c-carl');
      const follower = await Follower.of(there, room);
      await here.join(room, ada);
      await there.join(room, bob);
      await eventually(() => follower.users).toEqual(['ada', 'bob']);
      await backing.takeDown();
      await eventually(() => here.available).toBe(false);
      await expect(here.members(room)).rejects.toMatchObject({ code: 'redis_unreachable' });
      await expect(here.join(room, carl)).rejects.toMatchObject({ code: 'redis_unreachable' });
      await here.leave(room, ada.connection);
      await backing.bringUp();
      await eventually(() => here.available && there.available).toBe(true);
      await eventually(() => usersOf(there, room)).toEqual(['bob', 'carl']);
      await eventually(() => follower.users).toEqual(['bob', 'carl']);
    });
  });
}
