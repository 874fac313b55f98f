import { describe, expect, it } from 'vitest';
import type { RoomId } from '../ids.ts';
import { partitionOf } from './partition.ts';

describe('partitionOf', () => {
  it('is the same for a name and its bytes, whatever the length', () => {
    for (const name of ['a', 'é'.repeat(100), '日'.repeat(341), '日'.repeat(342), 'x'.repeat(5000)]) {
      expect(partitionOf(name as RoomId, 12)).toBe(partitionOf(Buffer.from(name), 12));
    }
  });
});
