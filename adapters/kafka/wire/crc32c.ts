/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4); `node:zlib` has the other polynomial only. By @node-rs/crc32 where there is a binary of it for this
 * platform, which knows the processor's instructions for it; else, and for few bytes, by tables, eight bytes a step.
 */
import { createRequire } from 'node:module';

/** Bits reflected; without x^32. */
export const POLYNOMIAL = 0x82f63b78;
/** Below, making a view of words costs more than it saves. */
const MIN_WORDS_BYTES = 64;
const CHECK = Buffer.from('123456789');
const CHECK_VALUE = 0xe3069283;
const isLittleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** Eight tables in one: what a byte does to the checksum that stands 0 to 7 places ahead of its end. */
const tables = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let c = byte;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? POLYNOMIAL ^ (c >>> 1) : c >>> 1;
  tables[byte] = c;
}
for (let at = 256; at < tables.length; at++) {
  const c = tables[at - 256] as number;
  tables[at] = (tables[c & 0xff] as number) ^ (c >>> 8);
}

/** From here on a call out of JavaScript is worth its price: 5 GB/s with the processor's own instruction, where the tables do 1.3. */
const MIN_NATIVE_BYTES = 256;
const native = nativeCrc32c();

/** The checksum of bytes [start, end), as an unsigned 32-bit number. */
export function crc32c(bytes: Buffer, start = 0, end = bytes.length): number {
  if (native !== null && end - start >= MIN_NATIVE_BYTES) return native(bytes.subarray(start, end));
  return crc32cByTables(bytes, start, end);
}

/** The same without anything native. Read as words of 32 bits: twice as fast as byte by byte. */
export function crc32cByTables(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = -1;
  let i = start;
  if (isLittleEndian && end - start >= MIN_WORDS_BYTES) {
    const from = bytes.byteOffset;
    for (; ((from + i) & 3) !== 0; i++) crc = step(crc, bytes[i] as number);
    const words = new Int32Array(bytes.buffer, from + i, ((end - i) >>> 3) * 2);
    crc = overWords(crc, words);
    i += words.length * 4;
  }
  for (; i < end; i++) crc = step(crc, bytes[i] as number);
  return ~crc >>> 0;
}

/** null where the package has nothing for this platform, or something that does not count as the tables do. */
function nativeCrc32c(): ((bytes: Buffer) => number) | null {
  try {
    const { crc32c } = createRequire(import.meta.url)('@node-rs/crc32') as { crc32c(bytes: Buffer): number };
    return crc32c(CHECK) === CHECK_VALUE ? crc32c : null;
  } catch {
    return null;
  }
}

/** Without the inversions before and after, byte by byte. */
export function rawCrc32c(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = step(crc, byte);
  return crc;
}

const step = (crc: number, byte: number): number => (tables[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);

/** @param words an even number of them */
function overWords(begun: number, words: Int32Array): number {
  let crc = begun;
  for (let at = 0; at < words.length; at += 2) {
    const low = crc ^ (words[at] as number);
    const high = words[at + 1] as number;
    crc =
      (tables[1792 + (low & 0xff)] as number) ^
      (tables[1536 + ((low >>> 8) & 0xff)] as number) ^
      (tables[1280 + ((low >>> 16) & 0xff)] as number) ^
      (tables[1024 + (low >>> 24)] as number) ^
      (tables[768 + (high & 0xff)] as number) ^
      (tables[512 + ((high >>> 8) & 0xff)] as number) ^
      (tables[256 + ((high >>> 16) & 0xff)] as number) ^
      (tables[high >>> 24] as number);
  }
  return crc;
}
