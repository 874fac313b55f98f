/** How writers of unknown length get more room. */
import { Buffer } from 'node:buffer';

/** The same buffer where `needed` bytes fit, else one of at least twice the size that begins with its first `used` bytes. */
export function grownTo(bytes: Buffer<ArrayBuffer>, used: number, needed: number): Buffer<ArrayBuffer> {
  if (needed <= bytes.length) return bytes;
  const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * bytes.length));
  bytes.copy(larger, 0, 0, used);
  return larger;
}
