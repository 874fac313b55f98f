import { describe, expect, it } from 'vitest';
import type { Epoch, Offset } from '../ids.ts';
import { AnchorTrail } from './anchor-trail.ts';
import type { Anchor } from './chain.ts';

const MAX = 64;
const STEP = 1_000;
const at = (offset: number): Anchor => ({
  offset: offset as Offset,
  epoch: 0 as Epoch,
  lastInbound: offset as Offset,
  logTime: offset,
});

function filled(records: number): AnchorTrail {
  const trail = new AnchorTrail([at(0)], MAX);
  for (let offset = STEP; offset <= records; offset += STEP) trail.note(at(offset));
  return trail;
}

/** Records between two anchors, or from the last one to the end, at most. */
function widest(trail: AnchorTrail, end: number): number {
  const offsets = [...trail.anchors().map(({ offset }) => offset), end];
  return Math.max(...offsets.slice(1).map((offset, index) => offset - (offsets[index] as number)));
}

describe('the trail of anchors', () => {
  it.each([10_000, 1_000_000, 50_000_000])('covers a log of %d records evenly, in bounded memory', (records) => {
    const trail = filled(records);
    expect(trail.anchors().length).toBeLessThanOrEqual(MAX);
    expect(trail.anchors()[0]?.offset).toBe(0);
    expect(widest(trail, records)).toBeLessThanOrEqual(Math.max(STEP, (4 * records) / MAX));
  });

  it('covers what is left when retention has passed, and gets dense again', () => {
    const trail = filled(10_000_000);
    trail.dropBelow(9_900_000 as Offset);
    for (let offset = 10_000_000 + STEP; offset <= 10_200_000; offset += STEP) trail.note(at(offset));
    const kept = trail.anchors();
    expect(kept[0]?.offset).toBeGreaterThanOrEqual(9_900_000);
    expect(kept.length).toBeGreaterThan(MAX / 4);
    const last = kept.slice(-MAX / 4);
    expect((last.at(-1)?.offset ?? 0) - (last[0]?.offset ?? 0)).toBeLessThanOrEqual(300_000);
  });

  it('notes only what is above all others', () => {
    const trail = filled(5_000);
    trail.note(at(3_500));
    expect(trail.anchors().map(({ offset }) => offset)).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000]);
  });
});
