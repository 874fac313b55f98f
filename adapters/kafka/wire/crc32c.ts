/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), eight bytes a step; `node:zlib` has the other polynomial only. */

const POLYNOMIAL = 0x82f63b78;

/** What one byte does to the checksum. */
const t0 = Int32Array.from({ length: 256 }, (_, byte) => {
  let c = byte;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? POLYNOMIAL ^ (c >>> 1) : c >>> 1;
  return c;
});

/** What a byte does that stands one place further ahead. */
const ahead = (table: Int32Array) => table.map((c) => (t0[c & 0xff] as number) ^ (c >>> 8));

const t1 = ahead(t0);
const t2 = ahead(t1);
const t3 = ahead(t2);
const t4 = ahead(t3);
const t5 = ahead(t4);
const t6 = ahead(t5);
const t7 = ahead(t6);

/** The checksum of bytes [start, end), as an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let crc = -1;
  let i = start;
  for (const last = end - 8; i <= last; i += 8) {
    const low =
      crc ^
      ((bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24));
    crc =
      (t7[low & 0xff] as number) ^
      (t6[(low >>> 8) & 0xff] as number) ^
      (t5[(low >>> 16) & 0xff] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[bytes[i + 4] as number] as number) ^
      (t2[bytes[i + 5] as number] as number) ^
      (t1[bytes[i + 6] as number] as number) ^
      (t0[bytes[i + 7] as number] as number);
  }
  for (; i < end; i++) crc = (t0[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}
