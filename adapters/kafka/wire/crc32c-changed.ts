/**
 * The checksum of bytes that are known but for some at their front, without going over all of them: CRCs are linear, so two messages of one length differ in
 * their checksums by that of their difference, and zeros behind it only multiply it by a power of x.
 */
import { POLYNOMIAL, rawCrc32c } from './crc32c.ts';

/** x^(8 · 2^i) modulo the polynomial, bits reflected as in the checksum: the highest bit is x^0. */
const powers: number[] = [1 << (31 - 8)];
for (let i = 1; i < 32; i++) powers.push(times(powers[i - 1] as number, powers[i - 1] as number));

/** @param known the checksum of the other message @param difference its front XOR this one's @param behind how many bytes follow, alike in both */
export function crc32cOfChanged(known: number, difference: Uint8Array, behind: number): number {
  let crc = rawCrc32c(difference);
  for (let rest = behind, i = 0; rest > 0; rest >>>= 1, i++) if (rest & 1) crc = times(crc, powers[i] as number);
  return (known ^ crc) >>> 0;
}

/** The product of two polynomials modulo the checksum's. */
function times(one: number, other: number): number {
  let product = 0;
  let shifted = other;
  for (let bit = 31; bit >= 0; bit--) {
    if ((one >>> bit) & 1) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product;
}
