import { describe, expect, it } from 'vitest';
import type { Offset, RoomId, Seq } from '../ids.ts';
import { RoomHeads } from './room-heads.ts';

describe('RoomHeads', () => {
  it('keeps thousands of rooms apart and in the order in which they came', () => {
    const heads = new RoomHeads();
    for (let n = 0; n < 5000; n++) heads.set(`room-${n}` as RoomId, (n + 1) as Seq, (n * 2 ** 30) as Offset);
    heads.set('room-7' as RoomId, 99 as Seq, 100 as Offset);
    expect(heads.size).toBe(5000);
    expect(heads.get('room-7' as RoomId)).toEqual({ seq: 99, offset: 100 });
    expect(heads.get('room-4999' as RoomId)).toEqual({ seq: 5000, offset: 4999 * 2 ** 30 });
    expect([...heads.entries()].slice(0, 2).map(([room]) => room)).toEqual(['room-0', 'room-1']);
  });

  it('knows nothing of a room without events', () => {
    const heads = new RoomHeads();
    expect(heads.get('room' as RoomId)).toBeUndefined();
    expect(heads.seqOf('room' as RoomId)).toBe(0);
    expect(heads.has('room' as RoomId)).toBe(false);
  });
});
