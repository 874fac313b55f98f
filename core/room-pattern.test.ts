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

  test('agrees with it also where its states fill several words', () => {
    // Half of the rooms are made from the pattern, so that they match or nearly do.
    const part = fc.constantFrom('a', 'ab', '/', 'b'.repeat(31), 'ab'.repeat(16), '*', '**');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.nat(3), fc.boolean(), (parts, fill, broken) => {
        const pattern = parts.join('');
        const made = parts.map((each) => (each === '*' ? 'x'.repeat(fill) : each === '**' ? 'a/b'.repeat(fill) : each));
        const room = `${made.join('')}${broken ? 'b' : ''}`.slice(0, 200);
        const source = pattern.replaceAll(/\*\*|\*/g, (stars) => (stars === '**' ? '.*' : '[^/]+'));
        expect(matches(pattern, room)).toBe(new RegExp(`^${source}$`).test(room));
      }),
      { numRuns: 2_000 },
    );
  });

  test('that needs more characters than a room has matches none, and is not even compiled', () => {
    expect(matches(`*${'a'.repeat(200)}`, 'a'.repeat(200))).toBe(false);
    expect(matches(`*${'a'.repeat(199)}`, 'a'.repeat(200))).toBe(true);
  });

  test('costs little whatever its shape: as many of the worst as a token can carry take a millisecond or so', () => {
    const worst = Array.from({ length: 60 }, (_, index) =>
      compilePattern(index % 2 === 0 ? `${'**a'.repeat(66)}c` : `${'*a'.repeat(99)}c`),
    );
    const room = 'a'.repeat(200);
    // The best of many rounds, since other processes take their share: 1 ms with 32 states at a time, 18 with one.
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 40; round += 1) {
      const started = performance.now();
      for (const { matches: covers } of worst) expect(covers(room)).toBe(false);
      best = Math.min(best, performance.now() - started);
    }
    expect(best).toBeLessThan(9);
  });
});
