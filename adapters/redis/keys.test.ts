import fc from 'fast-check';
import { expect, it } from 'vitest';
import { roomId } from '../../core/ids.ts';
import { redisKeys } from './keys.ts';

/** What a cluster hashes of a key: the part in the first pair of braces if it is not empty, else all of it. */
function hashTag(key: string): string {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  return close > open + 1 ? key.slice(open + 1, close) : key;
}

it('all keys of a room are in one slot of a cluster, whatever its name and the prefix', () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1 }).filter((s) => s.isWellFormed());
  fc.assert(
    fc.property(
      fc.oneof(text, fc.constantFrom('{}', '}{', '{', 'a}b')),
      fc.oneof(text, fc.constant('{x}')),
      (name, prefix) => {
        const keys = redisKeys(prefix);
        const room = roomId(name);
        const tags = [keys.members(room), keys.version(room), keys.diffs(room)].map(hashTag);
        expect(new Set(tags)).toEqual(new Set([encodeURIComponent(name)]));
      },
    ),
  );
});

it('rooms with different names never share a key', () => {
  const keys = redisKeys('p');
  const names = ['a', 'A', 'a:members', 'a}', '{a', 'a%7D', 'ä', 'a ', ' a'];
  expect(new Set(names.map((name) => keys.members(roomId(name)))).size).toBe(names.length);
});
