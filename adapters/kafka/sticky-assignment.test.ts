import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { assignSticky, type Candidate } from './sticky-assignment.ts';

const candidate = (memberId: string, owned: number[], generation = 1): Candidate => ({
  memberId,
  owned: owned as Partition[],
  generation,
});

test('a newcomer takes only what it needs', () => {
  const shares = assignSticky([candidate('a', [0, 1, 2, 3, 4, 5]), candidate('b', [], -1)], 6);
  expect(shares.get('a')).toEqual([0, 1, 2]);
  expect(shares.get('b')).toEqual([3, 4, 5]);
});

test('the partitions of one that left are spread, the others keep theirs', () => {
  const shares = assignSticky([candidate('a', [0, 3]), candidate('c', [2, 5])], 6);
  expect(shares.get('a')).toEqual([0, 1, 3]);
  expect(shares.get('c')).toEqual([2, 4, 5]);
});

test('of two that claim a partition the later generation keeps it', () => {
  const shares = assignSticky([candidate('a', [0, 1], 3), candidate('b', [0, 1], 7)], 4);
  expect(shares.get('b')).toEqual([0, 1]);
});

test('every partition has exactly one owner and shares differ by one at most', () => {
  const member = fc.record({
    owned: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 40 }),
    generation: fc.integer({ min: -1, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(member, { minLength: 1, maxLength: 8 }), fc.integer({ min: 0, max: 40 }), (members, count) => {
      const shares = assignSticky(
        members.map((m, i) => candidate(`m${i}`, m.owned, m.generation)),
        count,
      );
      const all = [...shares.values()].flat();
      expect([...all].sort((x, y) => x - y)).toEqual(Array.from({ length: count }, (_, i) => i));
      const sizes = [...shares.values()].map((s) => s.length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }),
  );
});
