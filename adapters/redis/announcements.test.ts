import { beforeEach, describe, expect, it, vi } from 'vitest';
import { connectionId, type RoomId, roomId, userId } from '../../core/ids.ts';
import type { Member } from '../../core/ports/presence-store.ts';
import type { Changes } from '../../core/presence/changes.ts';
import { RoomAnnouncements } from './announcements.ts';

const WINDOW_MS = 200;
const room = roomId('lobby');
const member = (name: string): Member => ({ user: userId(name), connection: connectionId(name), since: 1, meta: null });
const clock = { now: () => Date.now(), monotonic: () => performance.now() };

let told: { room: RoomId; joins: string[]; leaves: string[] }[];
let failure: Error | null;
let announcements: RoomAnnouncements;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] });
  told = [];
  failure = null;
  announcements = new RoomAnnouncements(WINDOW_MS, clock, async (where, { joins, leaves }: Changes) => {
    if (failure !== null) throw failure;
    told.push({ room: where, joins: [...joins.keys()], leaves: [...leaves] });
  });
  return () => vi.useRealTimers();
});

describe('announcements of a room', () => {
  it('are told at once where it was quiet, with all of the same moment', async () => {
    await Promise.all([announcements.join(room, member('a')), announcements.join(room, member('b'))]);
    expect(told).toEqual([{ room, joins: ['a', 'b'], leaves: [] }]);
  });

  it('wait for the end of the window after a telling, and are one then', async () => {
    await announcements.join(room, member('a'));
    const later = [announcements.join(room, member('b')), announcements.leave(room, connectionId('a'))];
    await vi.advanceTimersByTimeAsync(WINDOW_MS - 1);
    expect(told).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    await Promise.all(later);
    expect(told.slice(1)).toEqual([{ room, joins: ['b'], leaves: ['a'] }]);
  });

  it('do not hold up another room', async () => {
    await announcements.join(room, member('a'));
    await announcements.join(roomId('other'), member('a'));
    expect(told.map((one) => one.room)).toEqual([room, 'other']);
  });

  it('fail for everyone who waited, and go on with the next', async () => {
    failure = new Error('away');
    const both = [announcements.join(room, member('a')), announcements.leave(room, connectionId('b'))];
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    failure = null;
    const next = announcements.join(room, member('c'));
    await vi.advanceTimersByTimeAsync(WINDOW_MS);
    await next;
    expect(told).toEqual([{ room, joins: ['c'], leaves: [] }]);
  });

  it('leave nothing behind of a room that is quiet again', async () => {
    await announcements.join(room, member('a'));
    announcements.forgetQuiet();
    expect(announcements.size).toBe(1);
    await vi.advanceTimersByTimeAsync(WINDOW_MS);
    announcements.forgetQuiet();
    expect(announcements.size).toBe(0);
  });

  it('are let go when all stops', async () => {
    await announcements.join(room, member('a'));
    const waiting = announcements.join(room, member('b'));
    const stopping = announcements.stop();
    await vi.advanceTimersByTimeAsync(WINDOW_MS);
    await Promise.all([stopping, waiting, announcements.join(room, member('c'))]);
    expect(told).toHaveLength(1);
  });
});
