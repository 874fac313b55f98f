import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Offset, RoomId, Seq } from '../ids.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';

const ROOM = 'lobby' as RoomId;

describe('cursor', () => {
  it('gives back every position', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.maxSafeNat(), fc.maxSafeNat(), (streamId, name, next, seq) => {
        const room = name as RoomId;
        const position = { offset: (next - 1) as Offset, seq: seq as Seq };
        expect(decodeCursor(streamId, room, encodeCursor(streamId, room, position))).toEqual(position);
      }),
    );
  });

  it('has exactly one text for each position: whatever decodes is what was encoded', () => {
    const tagged = encodeCursor('stream', ROOM, { offset: 3 as Offset, seq: 9 as Seq }).slice(0, 2);
    fc.assert(
      fc.property(fc.stringMatching(/^[\w\-+/=. ]{0,24}$/), (rest) => {
        for (const text of [rest, tagged + rest]) {
          let position: { offset: Offset; seq: Seq };
          try {
            position = decodeCursor('stream', ROOM, text);
          } catch (thrown) {
            expect(thrown).toMatchObject({ code: 'cursor_invalid' });
            continue;
          }
          expect(encodeCursor('stream', ROOM, position)).toBe(text);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is about 16 characters at most for a partition of billions of records', () => {
    expect(encodeCursor('stream', ROOM, { offset: 8e9 as Offset, seq: 5e6 as Seq }).length).toBeLessThanOrEqual(16);
  });

  it('is refused for another room, even where both rooms have their first event at the same offset', () => {
    const cursor = encodeCursor('stream', ROOM, { offset: 1 as Offset, seq: 1 as Seq });
    expect(() => decodeCursor('stream', 'attic' as RoomId, cursor)).toThrow(
      expect.objectContaining({ code: 'cursor_invalid' }),
    );
  });

  it('is refused where it is no string', () => {
    expect(() => decodeCursor('stream', ROOM, 7 as unknown as string)).toThrow(
      expect.objectContaining({ code: 'cursor_invalid' }),
    );
  });
});
