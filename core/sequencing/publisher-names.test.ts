import { expect, test } from 'vitest';
import type { RoomId, SessionId, UserId } from '../ids.ts';
import { PublisherNames } from './publisher-names.ts';
import { publisherKey } from './publishers.ts';
import { mintSession, sessionTime } from './uuidv7.ts';

const room = (name: string) => name as RoomId;
const user = 'ann' as UserId;
const session = (at: number): SessionId => mintSession(at, (bytes) => Buffer.alloc(bytes, at & 0xff));

test('names are put together once, and are the same as anybody makes them', () => {
  const names = new PublisherNames();
  const one = names.of(room('a'), user, session(1_000));
  expect(one).toMatchObject({ name: publisherKey(room('a'), user, session(1_000)), mintedAt: 1_000 });
  expect(names.of(room('a'), user, session(1_000))).toBe(one);
});

test('a session in another room, or of another user, has a name of its own', () => {
  const names = new PublisherNames();
  const publishers = [
    ['a', 'ann'],
    ['b', 'ann'],
    ['b', 'bob'],
    ['a', 'ann'],
  ] as const;
  for (const [where, who] of publishers) {
    const { name, mintedAt } = names.of(room(where), who as UserId, session(7));
    expect([name, mintedAt]).toEqual([publisherKey(room(where), who as UserId, session(7)), 7]);
  }
});

test('what is no session has a name too, and no time', () => {
  const names = new PublisherNames();
  const none = 'no session' as SessionId;
  expect(names.of(room('a'), user, none)).toMatchObject({ mintedAt: sessionTime(none) });
});

test('past the limit they are forgotten and made again', () => {
  const names = new PublisherNames(2);
  const first = names.of(room('a'), user, session(1));
  for (const at of [2, 3, 4, 5]) names.of(room('a'), user, session(at));
  const again = names.of(room('a'), user, session(1));
  expect(again).not.toBe(first);
  expect(again).toEqual(first);
});
