import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern } from './room-pattern.ts';

const matches = (pattern: string, room: string): boolean => compilePattern(pattern).matches(room);

describe('a room pattern', () => {
  test.each([
    ['airport/ORD', 'airport/ORD'],
    ['airport/*', 'airport/ORD'],
    ['airport/**', 'airport/ORD'],
    ['airport/**', 'airport/a/b'],
    ['airport/**', 'airport/'],
    ['**', 'anything/at all'],
    ['*', 'one'],
    ['*/x', 'a/x'],
    ['a/*/c', 'a/b/c'],
    ['**/c', 'a/b/c'],
    ['a*c', 'abbc'],
    ['a.c', 'a.c'],
    ['***', 'a'],
    ['@user/*', '@user/alice'],
    ['@all', '@all'],
    ['@**', '@user/x/y'],
    ['a/*', 'a/é😀'],
  ])('%s covers %s', (pattern, room) => expect(matches(pattern, room)).toBe(true));

  test.each([
    ['airport/ORD', 'airport/ord'],
    ['airport/*', 'airport/'],
    ['airport/*', 'airport/a/b'],
    ['airport/*', 'xairport/a'],
    ['airport/**', 'airport'],
    ['*', 'a/b'],
    ['a/*/c', 'a//c'],
    ['a.c', 'abc'],
    ['a*c', 'ac'],
    ['', 'a'],
    ['**', '@all'],
    ['*', '@all'],
    ['*all', '@all'],
    ['@user/*', 'user/alice'],
    ['@user/*', '@user/alice/x'],
  ])('%s does not cover %s', (pattern, room) => expect(matches(pattern, room)).toBe(false));

  test('agrees with a regular expression of the same meaning', () => {
    const text = (max: number, unit: fc.Arbitrary<string>) => fc.string({ unit, maxLength: max });
    const patternUnit = fc.constantFrom('a', 'b', '/', '*', '**', '.');
    fc.assert(
      fc.property(text(8, patternUnit), text(10, fc.constantFrom('a', 'b', '/', '.')), (pattern, room) => {
        const source = pattern.replaceAll(/\*\*|\*|\./g, (part) =>
          part === '**' ? '.*' : part === '*' ? '[^/]+' : '\\.',
        );
        expect(matches(pattern, room)).toBe(new RegExp(`^${source}$`).test(room));
      }),
      { numRuns: 2_000 },
    );
  });

  test('takes no longer than pattern length times room length', () => {
    const started = performance.now();
    expect(matches(`${'**a'.repeat(100)}c`, 'a'.repeat(200))).toBe(false);
    expect(matches(`${'*a'.repeat(100)}c`, 'a'.repeat(200))).toBe(false);
    expect(performance.now() - started).toBeLessThan(250);
  });
});
