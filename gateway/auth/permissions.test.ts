import { describe, expect, test } from 'vitest';
import { roomId } from '../../core/ids.ts';
import { MAX_PATTERN_LENGTH, MAX_PATTERNS, Permissions } from './permissions.ts';

describe('permissions', () => {
  test('join and publish are granted apart', () => {
    const permissions = new Permissions([
      { pattern: 'news', allow: ['join'] },
      { pattern: 'inbox/*', allow: ['publish', 'a right of later versions'] },
    ]);
    expect(permissions.allows('join', roomId('news'))).toBe(true);
    expect(permissions.allows('publish', roomId('news'))).toBe(false);
    expect(permissions.allows('publish', roomId('inbox/a'))).toBe(true);
    expect(permissions.allows('join', roomId('inbox/a'))).toBe(false);
  });

  test('several patterns add up', () => {
    const permissions = new Permissions([
      { pattern: '**', allow: ['join'] },
      { pattern: 'a', allow: ['publish'] },
    ]);
    expect(permissions.allows('join', roomId('a'))).toBe(true);
    expect(permissions.allows('publish', roomId('a'))).toBe(true);
    expect(permissions.allows('publish', roomId('b'))).toBe(false);
  });

  test('an absent or empty claim allows nothing, and says forbidden', () => {
    for (const claim of [undefined, []]) {
      expect(() => new Permissions(claim).require('join', roomId('a'))).toThrow(
        expect.objectContaining({ code: 'forbidden' }),
      );
    }
  });

  test('verdicts stay right past the number that is remembered', () => {
    const permissions = new Permissions([{ pattern: 'yes/*', allow: ['join'] }]);
    for (let round = 0; round < 2; round += 1) {
      for (let index = 0; index < 600; index += 1) {
        expect(permissions.allows('join', roomId(`yes/${index}`))).toBe(true);
        expect(permissions.allows('join', roomId(`no/${index}`))).toBe(false);
      }
    }
  });

  test.each([
    ['a string', 'all'],
    ['an object', {}],
    ['null', null],
    ['an entry that is no object', ['x']],
    ['an entry without pattern', [{ allow: ['join'] }]],
    ['an entry without allow', [{ pattern: 'x' }]],
    ['too many entries', Array.from({ length: MAX_PATTERNS + 1 }, () => ({ pattern: 'x', allow: [] }))],
    ['too long a pattern', [{ pattern: 'x'.repeat(MAX_PATTERN_LENGTH + 1), allow: [] }]],
  ])('a rooms claim that is %s makes the token invalid', (_, claim) => {
    expect(() => new Permissions(claim)).toThrow(expect.objectContaining({ code: 'unauthorized' }));
  });
});
