import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestHex, digestOf } from './digest.ts';

/** As the comment of digest.ts has it. */
function expected(event: string, data: Uint8Array): string {
  const name = Buffer.from(event);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return createHash('sha256').update(length).update(name).update(data).digest('hex').slice(0, 16);
}

test('is of name and data, whatever was hashed before', () => {
  const name = fc.oneof(fc.constantFrom('', 'a', 'ü', 'ab'), fc.string());
  const size = fc.oneof(fc.nat(40), fc.constantFrom(1_018, 1_019, 1_020, 16_380, 16_381, 20_000));
  const publishes = fc.array(fc.tuple(name, size, fc.nat(255)), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(publishes, (all) => {
      for (const [event, bytes, fill] of all) {
        const data = new Uint8Array(bytes).fill(fill);
        expect(digestHex(digestOf(event, data))).toBe(expected(event, data));
      }
    }),
  );
});
