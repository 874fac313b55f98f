import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Payload, RoomReader } from '../../../k6/lib/room-reader.ts';
import { MAX_HOLES, Sequence } from '../../../k6/lib/sequence.ts';

describe('a sequence', () => {
  it('tells next, ahead, late and seen apart', () => {
    const sequence = new Sequence();
    expect([1, 2, 5, 4, 4, 2, 6].map((number) => sequence.take(number))).toEqual([
      'next',
      'next',
      'ahead',
      'late',
      'seen',
      'seen',
      'next',
    ]);
    expect(sequence.missing).toBe(1);
  });

  it('misses exactly what did not come, whatever the order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 80 }), (numbers) => {
        const sequence = new Sequence();
        const seen = new Set<number>();
        for (const number of numbers) {
          expect(sequence.take(number) === 'seen').toBe(seen.has(number));
          seen.add(number);
        }
        expect(sequence.missing).toBe(Math.max(0, ...numbers) - seen.size);
      }),
    );
  });

  it('remembers a limited number of holes and counts the rest', () => {
    const sequence = new Sequence();
    sequence.take(3 * MAX_HOLES);
    expect(sequence.missing).toBe(3 * MAX_HOLES - 1);
    expect(sequence.take(1)).toBe('late');
    expect(sequence.missing).toBe(3 * MAX_HOLES - 2);
  });

  it('does not miss what is known not to come', () => {
    const sequence = new Sequence();
    sequence.take(1);
    sequence.take(4);
    sequence.skip(3, 6);
    expect(sequence.missing).toBe(1);
    expect(sequence.take(7)).toBe('next');
  });
});

function reading(ends = 1) {
  const counts = { gaps: 0, duplicates: 0, disorder: 0, lost: 0 };
  const reader = new RoomReader({ run: 'r', ends, counts });
  const event = (seq: number, n: number, more: Partial<Payload> = {}) =>
    reader.event(seq, `c${seq}`, { run: 'r', from: 0, n, due: 0, ...more });
  return { counts, reader, event };
}

describe('a reader of a room', () => {
  it('counts nothing where all comes in order', () => {
    const { counts, reader, event } = reading();
    event(1, 1);
    event(2, 2, { end: true });
    reader.close();
    expect([reader.complete, reader.cursor, counts]).toEqual([
      true,
      'c2',
      { gaps: 0, duplicates: 0, disorder: 0, lost: 0 },
    ]);
  });

  it('counts an event that is lost on the way out once, though both numberings show it', () => {
    const { counts, reader, event } = reading();
    event(1, 1);
    event(3, 3, { end: true });
    reader.close();
    expect(counts).toEqual({ gaps: 0, duplicates: 0, disorder: 0, lost: 1 });
  });

  it('counts an event that never got into the room', () => {
    const { counts, reader, event } = reading();
    event(1, 1);
    event(2, 3, { end: true });
    reader.close();
    expect(counts).toEqual({ gaps: 0, duplicates: 0, disorder: 0, lost: 1 });
  });

  it('counts a publish that got into the room twice, and another publisher’s order apart', () => {
    const { counts, event } = reading();
    expect([event(1, 1), event(2, 1), event(3, 2), event(4, 1, { from: 1 })]).toEqual([true, false, true, true]);
    expect(counts.duplicates).toBe(1);
  });

  it('counts disorder once, and resumes behind what it has', () => {
    const { counts, reader, event } = reading();
    event(1, 1);
    event(3, 3);
    event(2, 2);
    reader.close();
    expect([counts.disorder, reader.cursor, counts.lost]).toEqual([1, 'c3', 1 /* the end */]);
  });

  it('counts a publisher’s disorder in a room that is in order', () => {
    const { counts, event } = reading();
    event(1, 2);
    event(2, 1);
    expect(counts.disorder).toBe(1);
  });

  it('counts what a gap covers as gaps, not as lost', () => {
    const { counts, reader, event } = reading();
    event(1, 1);
    reader.gap(2, 4, 'c4');
    event(5, 5, { end: true });
    reader.close();
    expect(counts).toEqual({ gaps: 3, duplicates: 0, disorder: 0, lost: 0 });
  });

  it('misses what live says was there', () => {
    const { counts, reader, event } = reading(0);
    event(1, 1);
    reader.caughtUp(3, 'c3');
    reader.close();
    expect(counts.lost).toBe(2);
  });

  it('does not look into events of other runs', () => {
    const { counts, reader, event } = reading();
    event(1, 7, { run: 'other', end: true });
    reader.event(2, 'c2', undefined);
    expect([counts.lost, counts.duplicates, reader.complete]).toEqual([0, 0, false]);
  });
});
