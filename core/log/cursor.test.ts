import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Offset, Seq } from '../ids.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

describe('cursor', () => {
  it('gives back every position', () => {
    fc.assert(
      fc.property(fc.string(), fc.maxSafeNat(), fc.maxSafeNat(), (streamId, next, seq) => {
        const position = { offset: (next - 1) as Offset, seq: seq as Seq };
        expect(decodeCursor(streamId, encodeCursor(streamId, position))).toEqual(position);
      }),
    );
  });

  it('has exactly one text for each position: whatever decodes is what was encoded', () => {
    const tagged = encodeCursor('stream', { offset: 3 as Offset, seq: 9 as Seq }).slice(0, 2);
    fc.assert(
      fc.property(fc.stringMatching(/^[\w\-+/=. ]{0,24}$/), (rest) => {
        for (const text of [rest, tagged + rest]) {
          let position: { offset: Offset; seq: Seq };
          try {
            position = decodeCursor('stream', text);
          } catch (thrown) {
            expect(thrown).toMatchObject({ code: 'cursor_invalid' });
            continue;
          }
          expect(encodeCursor('stream', position)).toBe(text);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is about 16 characters at most for a partition of billions of records', () => {
    expect(encodeCursor('stream', { offset: 8e9 as Offset, seq: 5e6 as Seq }).length).toBeLessThanOrEqual(16);
  });

  it('is refused where it is no string', () => {
    expect(() => decodeCursor('stream', 7 as unknown as string)).toThrow(
      expect.objectContaining({ code: 'cursor_invalid' }),
    );
  });
});
