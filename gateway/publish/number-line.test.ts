import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NumberLine } from './number-line.ts';

it('holds what a Map would hold, under ascending numbers, whatever is taken out in which order', () => {
  const steps = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, fc.nat(700)), { maxLength: 2_000 });
  fc.assert(
    fc.property(steps, (each) => {
      const line = new NumberLine<{ readonly name: string }>();
      const model = new Map<number, { readonly name: string }>();
      let newest = 0;
      for (const [index, taken] of each.entries()) {
        if (taken === null) {
          const item = { name: `item ${index}` };
          const number = line.add(item);
          expect(number).toBe(newest + 1);
          newest = number;
          model.set(number, item);
        } else {
          const number = newest - taken;
          expect(line.take(number)).toBe(model.get(number));
          model.delete(number);
          expect(line.get(number)).toBeUndefined();
        }
        expect([line.size, line.oldest]).toEqual([model.size, model.keys().next().value ?? null]);
      }
      for (let number = -1; number <= newest + 1; number += 1) expect(line.get(number)).toBe(model.get(number));
    }),
    { numRuns: 30 },
  );
});

it('finds each of many among which the oldest stays for long', () => {
  const line = new NumberLine<{ readonly index: number }>();
  for (let index = 1; index <= 10_000; index += 1) {
    line.add({ index });
    if (index > 300) expect(line.take(index - 250)?.index).toBe(index - 250);
  }
  expect([line.oldest, line.size]).toEqual([1, 300]);
  for (let index = 1; index <= 10_000; index += 1) line.take(index);
  expect([line.oldest, line.size, line.add({ index: 0 })]).toEqual([null, 0, 10_001]);
});

/** Bytes by which the old generation grows for each of 20,000 items, of which 100 are held at a time. */
function grownBytes(line: string): number {
  const program = `
    import { getHeapSpaceStatistics } from 'node:v8';
    const oldBytes = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space').space_used_size;
    const line = ${line};
    let before = 0;
    for (let index = 1; index <= 24_000; index += 1) {
      const number = line.add({ index, texts: new Array(20).fill(index) });
      if (number > 100) line.take(number - 100);
      if (index !== 4_000) continue;
      gc();
      before = oldBytes();
    }
    console.log((oldBytes() - before) / 20_000);
  `;
  // A small young generation, so that little time shows what comes of it.
  const args = ['--input-type=module', '--expose-gc', '--max-semi-space-size=1', '--eval', program];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

it('leaves nothing behind in the old generation, where a Map does', () => {
  const map =
    '{ newest: 0, map: new Map(), add(item) { this.map.set(++this.newest, item); return this.newest; }, take(number) { this.map.delete(number); } }';
  const module = new URL('number-line.ts', import.meta.url).href;
  expect(grownBytes(`new (await import('${module}')).NumberLine()`)).toBeLessThan(20);
  expect(grownBytes(map)).toBeGreaterThan(60);
});
