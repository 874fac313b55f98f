import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Offset, Partition } from '../../core/ids.ts';
import { captureFold, type FoldCapture } from '../../core/log/capture.ts';
import { Fold } from '../../core/log/fold.ts';
import { createCodec } from '../../schemas/codec.ts';
import { stateOf } from '../../test/support/fold-state.ts';
import { PublishedLog, type Step } from '../../test/support/published-log.ts';
import { chunksOf, type PoisonEntry, restoreChunk } from './chunks.ts';

/** Records after the snapshot at each of which the states are compared. */
const COMPARED_RECORDS = 25;
const LIMITS = { sessionMaxAgeMs: 7_200_000, keyWindowMs: 3_600_000 };
const store = { known: () => undefined, load: async () => '' };
const codec = createCodec({ inboundId: 1, outboundId: 2, deadLetterId: 3, snapshotId: 4, store });

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constant<Step['kind']>('numbered') },
    { weight: 4, arbitrary: fc.constant<Step['kind']>('keyed') },
    {
      weight: 3,
      arbitrary: fc.constantFrom<Step['kind']>('plain', 'answer', 'stale', 'repeat', 'jump', 'claim', 'skip'),
    },
  ),
  room: fc.integer({ min: 0, max: 5 }),
  who: fc.integer({ min: 0, max: 7 }),
  passMs: fc.oneof(fc.constant(0), fc.constant(60_000), fc.constant(900_000)),
});

function foldOf(log: PublishedLog, to: number): Fold {
  const fold = new Fold({ publishers: LIMITS });
  foldOn(fold, log, 0, to);
  return fold;
}

function foldOn(fold: Fold, log: PublishedLog, from: number, to: number): void {
  for (let offset = from; offset < Math.min(to, log.records.length); offset++) {
    const record = log.records[offset];
    if (record === undefined) return;
    expect(fold.apply(offset as Offset, record).kind).not.toBe('fault');
  }
}

/** Hands entries on one at a time, letting the fold go on between two of them; copies, since entries may be live. */
function* between<T>(entries: Iterable<T>, goOn: () => void): Generator<T> {
  for (const entry of entries) {
    yield structuredClone(entry);
    goOn();
  }
}

function restored(capture: FoldCapture, goOn: () => void): Fold {
  const { mark, publishers } = capture;
  const walked: FoldCapture = {
    ...capture,
    rooms: between(capture.rooms, goOn),
    publishers: publishers && {
      forgottenBefore: publishers.forgottenBefore,
      publishers: () => between(publishers.publishers(), goOn),
      keys: () => between(publishers.keys(), goOn),
    },
  };
  const { forgottenBefore } = publishers as NonNullable<typeof publishers>;
  const fold = Fold.fromSnapshot({ mark, rooms: [], forgottenBefore }, { publishers: LIMITS });
  const poison: PoisonEntry[] = [];
  let entries = 0;
  for (const { value, entries: count } of chunksOf(codec, walked, [])) {
    entries += count;
    const record = codec.decodeSnapshot(value);
    if ('unknownSchema' in record) throw new Error('unknown schema');
    restoreChunk(record, fold, poison);
  }
  // Nothing is walked twice.
  expect(entries).toBe(fold.heads.size + (fold.publishers?.size ?? 0));
  return fold;
}

describe('a fold restored from a snapshot', () => {
  it('equals one that read the log from offset 0, at the snapshot and ever after, though folding went on while it was taken', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 400, size: 'max' }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1, maxLength: 20 }),
        (steps, place, slices) => {
          const log = new PublishedLog();
          for (const next of steps) log.add(next);
          const offset = Math.max(1, Math.floor(place * log.records.length));
          const live = foldOf(log, offset);
          const capture = captureFold(live, 0 as Partition, offset as Offset);
          let at = offset;
          let slice = 0;
          const fold = restored(capture, () => {
            const size = slices[slice++ % slices.length] ?? 1;
            foldOn(live, log, at, at + size);
            at += size;
          });
          capture.release();
          expect(stateOf(fold)).toEqual(stateOf(foldOf(log, offset)));
          const reference = foldOf(log, offset);
          for (let next = offset; next < log.records.length; next++) {
            foldOn(fold, log, next, next + 1);
            foldOn(reference, log, next, next + 1);
            if (next < offset + COMPARED_RECORDS) expect(stateOf(fold)).toEqual(stateOf(reference));
          }
          foldOn(live, log, at, log.records.length);
          const whole = stateOf(foldOf(log, log.records.length));
          expect(stateOf(fold)).toEqual(whole);
          expect(stateOf(live)).toEqual(whole);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('makes entries of the walk for which the fold going on matters: publishers that change, keys used again, swept ones', () => {
    // Guards the property against an empty pass: without copies the walk shows the later state.
    const log = new PublishedLog();
    for (let n = 0; n < 3; n++) log.add({ kind: 'numbered', room: n, who: n, passMs: 0 });
    for (let n = 0; n < 3; n++) log.add({ kind: 'keyed', room: n, who: n, passMs: 0 });
    const offset = log.records.length;
    for (let n = 2; n >= 0; n--) log.add({ kind: 'numbered', room: n, who: n, passMs: 0 });
    log.add({ kind: 'keyed', room: 1, who: 1, passMs: 0 });
    log.add({ kind: 'plain', room: 0, who: 0, passMs: 40_000_000 });
    const live = foldOf(log, offset);
    const capture = captureFold(live, 0 as Partition, offset as Offset);
    foldOn(live, log, offset, log.records.length);
    expect(live.publishers?.size).toBe(0);
    const fold = restored(capture, () => {});
    expect(fold.publishers?.size).toBe(6);
    expect(stateOf(fold)).toEqual(stateOf(foldOf(log, offset)));
  });

  it('sweeps when the other one would, not at its first record', () => {
    const log = new PublishedLog();
    log.add({ kind: 'keyed', room: 0, who: 0, passMs: 0 });
    log.add({ kind: 'plain', room: 0, who: 0, passMs: LIMITS.keyWindowMs });
    const offset = log.records.length;
    log.add({ kind: 'plain', room: 0, who: 0, passMs: 60_000 });
    const live = foldOf(log, offset);
    const fold = restored(captureFold(live, 0 as Partition, offset as Offset), () => {});
    foldOn(fold, log, offset, offset + 1);
    foldOn(live, log, offset, offset + 1);
    expect(live.publishers?.size).toBe(1);
    expect(stateOf(fold)).toEqual(stateOf(live));
  });

  it('walks no key twice that is forgotten behind the walk', () => {
    const log = new PublishedLog();
    for (let n = 0; n < 3; n++) log.add({ kind: 'keyed', room: n, who: n, passMs: 0 });
    const offset = log.records.length;
    log.add({ kind: 'keyed', room: 0, who: 0, passMs: 0 });
    const live = foldOf(log, offset);
    const capture = captureFold(live, 0 as Partition, offset as Offset);
    const walk = capture.publishers?.keys() ?? [];
    const names: string[] = [];
    for (const [name] of walk) {
      names.push(name);
      foldOn(live, log, offset + names.length - 1, offset + names.length);
    }
    expect(names).toEqual([...(foldOf(log, offset).publishers?.keys() ?? [])].map(([name]) => name));
  });

  it('is not taken of a fold that could have missed something', () => {
    const log = new PublishedLog();
    log.add({ kind: 'plain', room: 0, who: 0, passMs: 0 });
    const [claim] = log.records;
    const fromClaim = new Fold({ start: 'claim' });
    if (claim !== undefined) fromClaim.apply(0 as Offset, claim);
    for (const fold of [new Fold(), fromClaim]) {
      expect(() => captureFold(fold, 0 as Partition, 1 as Offset)).toThrow(
        expect.objectContaining({ code: 'fold_halted' }),
      );
    }
  });
});
