import { describe, expect, it } from 'vitest';
import { checkEventName, checkKey, checkRoom, checkUser, isKey, topicsOf } from './names.ts';

const WRONG: readonly unknown[] = [
  '',
  undefined,
  null,
  7,
  {},
  ['room'],
  'x'.repeat(201),
  'é'.repeat(101),
  'a\nb',
  'a\u0000',
  '\u007f',
  'a\u0085b',
  '\ud800',
];
const RIGHT = ['a', 'airport/ORD', '@user/alice', 'x'.repeat(200), 'é'.repeat(100), '🛫', ' ', '__proto__'];

describe('names', () => {
  it.each(RIGHT)('may be %j', (name) => {
    expect([checkRoom(name), checkUser(name), checkEventName(name), checkKey(name)]).toEqual([name, name, name, name]);
    expect(isKey(name)).toBe(true);
  });

  it.each(WRONG.map((name) => [name]))('may not be %j', (name) => {
    expect(() => checkRoom(name)).toThrow(expect.objectContaining({ code: 'invalid_room' }));
    for (const [check, path] of [
      [checkUser, 'user'],
      [checkEventName, 'event'],
      [checkKey, 'key'],
    ] as const) {
      expect(() => check(name)).toThrow(expect.objectContaining({ code: 'bad_frame', details: { path } }));
    }
    expect(isKey(name)).toBe(false);
  });

  it('names the topics by the prefix', () => {
    expect(topicsOf('p')).toEqual({
      inbound: 'p.inbound',
      outbound: 'p.outbound',
      snapshots: 'p.snapshots',
      deadletter: 'p.deadletter',
    });
  });
});
