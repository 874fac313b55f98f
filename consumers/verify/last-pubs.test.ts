import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RoomId, SessionId, UserId } from '../../core/ids.ts';
import { LastPubs } from './last-pubs.ts';

const name = fc.constantFrom('a', 'b', 'ab', '1:a');

test('knows of each room, user and session what was said last, as one map by all three would', () => {
  const step = fc.record({
    room: name,
    user: name,
    session: name,
    mintedAt: fc.constantFrom(0, 600_000),
    last: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const pubs = new LastPubs();
      const model = new Map<string, number>();
      for (const { room, user, session, mintedAt, last } of steps) {
        const key = JSON.stringify([room, user, session, mintedAt]);
        const names = [room as RoomId, user as UserId, session as SessionId, mintedAt] as const;
        expect(pubs.get(...names)).toBe(model.get(key));
        pubs.set(...names, last);
        model.set(key, last);
        expect(pubs.get(...names)).toBe(last);
      }
    }),
  );
});

test('forgets whole spans of sessions, and only those minted before', () => {
  const pubs = new LastPubs();
  const names = ['r' as RoomId, 'u' as UserId, 's' as SessionId] as const;
  for (const mintedAt of [0, 599_999, 600_000]) pubs.set(...names, mintedAt, mintedAt + 1);
  pubs.forget(599_999);
  expect(pubs.get(...names, 0)).toBe(600_000);
  pubs.forget(600_000);
  expect([pubs.get(...names, 0), pubs.get(...names, 600_000)]).toEqual([undefined, 600_001]);
});
