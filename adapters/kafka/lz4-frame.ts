/**
 * LZ4 frames (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md), block by block, so that a large one lets the event loop turn.
 * lz4js unpacks the blocks; its own frame reader takes every block for a full one and a block's checksum for its head.
 *
 * ```
 * magic uint32 LE  flags  block size  [content size uint64]  [dictionary id uint32]  header checksum
 * blocks: length uint32 LE (high bit: stored as it is; 0: end)  bytes  [checksum uint32]
 * [content checksum uint32]
 * ```
 * flags: bits 7–6 version (1), 5 independent blocks, 4 block checksums, 3 content size, 2 content checksum, 0 dictionary.
 * Checksums are not looked at: Kafka's own over the whole batch was.
 */
import lz4 from 'lz4js';

const MAGIC = 0x184d2204;
const VERSION_BITS = 0xc0;
const VERSION = 0x40;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const DICTIONARY = 0x01;
const STORED = 0x80000000;
const BLOCK_BYTES = [0, 0, 0, 0, 65_536, 262_144, 1_048_576, 4_194_304];
/** Blocks are unpacked into one buffer, since a block may refer to those before it; it starts this large and doubles. */
const FIRST_BYTES = 262_144;

/** Yields the bytes unpacked so far after every block; returns all of them. Throws `RangeError` where it is no frame or unpacks to more than `maxBytes`. */
export function* unpackLz4Frame(packed: Buffer, maxBytes: number): Generator<number, Buffer> {
  if (packed.length < 7 || packed.readUInt32LE(0) !== MAGIC) throw new RangeError('not an LZ4 frame');
  const flags = packed.readUInt8(4);
  const blockBytes = BLOCK_BYTES[(packed.readUInt8(5) >> 4) & 7] ?? 0;
  if ((flags & VERSION_BITS) !== VERSION || flags & DICTIONARY || blockBytes === 0) {
    throw new RangeError('an LZ4 frame of an unknown kind');
  }
  let at = 7 + (flags & CONTENT_SIZE ? 8 : 0);
  let bytes: Buffer = Buffer.alloc(Math.min(maxBytes, FIRST_BYTES));
  let length = 0;
  for (;;) {
    const head = packed.readUInt32LE(at);
    at += 4;
    if (head === 0) return bytes.subarray(0, length);
    const size = head & ~STORED;
    if (at + size > packed.length) throw new RangeError('an LZ4 block ends past its frame');
    const most = head >= STORED ? size : blockBytes;
    if (length + most > bytes.length) bytes = grown(bytes, length + most, maxBytes);
    if (head >= STORED) length += packed.copy(bytes, length, at, at + size);
    else length = lz4.decompressBlock(packed, bytes, at, size, length);
    if (length > bytes.length) throw new RangeError('the batch unpacks to too much');
    at += size + (flags & BLOCK_CHECKSUM ? 4 : 0);
    yield length;
  }
}

/** Room for `atLeast`, but never above `maxBytes`: what does not fit then is found when it was not written. */
function grown(bytes: Buffer, atLeast: number, maxBytes: number): Buffer {
  const larger = Buffer.alloc(Math.min(maxBytes, Math.max(atLeast, 2 * bytes.length)));
  bytes.copy(larger);
  return larger;
}
