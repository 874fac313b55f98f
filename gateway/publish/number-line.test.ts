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
