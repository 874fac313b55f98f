import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nestsDeeperThan } from './depth.ts';

const deeper = (text: string, limit: number) => nestsDeeperThan(Buffer.from(text), limit);
const depthOf = (value: unknown): number =>
  typeof value !== 'object' || value === null ? 0 : 1 + Math.max(0, ...Object.values(value).map(depthOf));

describe('nestsDeeperThan', () => {
  test('counts objects and arrays alike, and what is open at once only', () => {
    expect(deeper('{"a":[{"b":1}]}', 3)).toBe(false);
    expect(deeper('{"a":[{"b":1}]}', 2)).toBe(true);
    expect(deeper('[[],[],[],{},{}]', 2)).toBe(false);
    expect(deeper('', 0)).toBe(false);
  });

  test('takes no bracket in a string for one, also behind escaped quotes', () => {
    expect(deeper('["[[[[", "{{{{"]', 1)).toBe(false);
    expect(deeper('["\\"[[[["]', 1)).toBe(false);
    expect(deeper('["\\\\",[[]]]', 2)).toBe(true);
  });

  test('says the same as the parsed value does', () => {
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof({ maxDepth: 8 }, fc.string(), fc.array(tie('tree')), fc.dictionary(fc.string(), tie('tree'))),
    }));
    fc.assert(
      fc.property(tree, fc.nat(8), (value, limit) => {
        expect(deeper(JSON.stringify(value), limit)).toBe(depthOf(value) > limit);
      }),
    );
  });

  test('comes to an end on whatever is not JSON', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(typeof nestsDeeperThan(bytes, 4)).toBe('boolean');
      }),
    );
  });
});
