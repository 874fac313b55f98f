import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { randomPool } from './random-pool.ts';

test('gives as many bytes as are asked for, and never the same place twice', () => {
  const fetched: Uint8Array[] = [];
  const random = randomPool((bytes) => {
    const fresh = randomBytes(bytes);
    fetched.push(fresh);
    return fresh;
  });
  const given = [12, 10, 4_000, 100, 5_000, 4_096, 1].map((bytes) => {
    const got = random(bytes);
    expect(got).toHaveLength(bytes);
    return got;
  });
  const places = given.map(({ buffer, byteOffset, byteLength }) => ({
    buffer,
    from: byteOffset,
    to: byteOffset + byteLength,
  }));
  for (const [index, one] of places.entries()) {
    for (const other of places.slice(index + 1)) {
      expect(one.buffer !== other.buffer || one.to <= other.from || other.to <= one.from).toBe(true);
    }
  }
  expect(fetched.length).toBeLessThan(given.length);
});
