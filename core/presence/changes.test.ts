import { describe, expect, it } from 'vitest';
import { connectionId, roomId, userId } from '../ids.ts';
import type { Member } from '../ports/presence-store.ts';
import { PendingChanges } from './changes.ts';
import { parseDiff, parseMember } from './member-json.ts';

const member = (connection: string, meta: string | null = null): Member => ({
  user: userId('ada'),
  connection: connectionId(connection),
  since: 1,
  meta,
});

describe('pending changes', () => {
  it('become one leave when a connection joins and leaves', () => {
    const changes = new PendingChanges();
    changes.join(member('a'));
    changes.leave(connectionId('a'));
    expect([...changes.joins]).toEqual([]);
    expect([...changes.leaves]).toEqual(['a']);
  });

  it('become one join, with the newest meta, when a connection leaves and joins', () => {
    const changes = new PendingChanges();
    expect(changes.empty).toBe(true);
    changes.join(member('a', '1'));
    changes.leave(connectionId('a'));
    changes.join(member('a', '2'));
    expect([...changes.joins.values()]).toEqual([member('a', '2')]);
    expect(changes.leaves.size).toBe(0);
    expect(changes.empty).toBe(false);
  });
});

describe('members as JSON', () => {
  it('come back as they were', () => {
    expect(parseMember(JSON.stringify(member('a', '{"x":1}')))).toEqual(member('a', '{"x":1}'));
  });

  it('are left out where they are no members', () => {
    for (const text of ['', 'null', '[]', '{"user":1}', '{"user":"a","connection":"b","since":"now"}']) {
      expect(parseMember(text)).toBeNull();
    }
    const room = roomId('r');
    const text = JSON.stringify({ version: 3, joined: [member('a'), null, 5], left: [{}] });
    expect(parseDiff(room, text)).toEqual({ room, version: 3, joined: [member('a')], left: [] });
    for (const bad of ['x', '{}', '{"version":1.5,"joined":[],"left":[]}', '{"version":1,"joined":{},"left":[]}']) {
      expect(parseDiff(room, bad)).toBeNull();
    }
  });
});
