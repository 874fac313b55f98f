/**
 * The compression codecs of record batches, reading only: whatever a foreign producer may legally send has to be read.
 * gzip and zstd by `node:zlib`, snappy by snappyjs, lz4 (frame format) by lz4js.
 */
import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';
import lz4 from 'lz4js';
import snappy from 'snappyjs';

/** A batch that unpacks to more is taken for an attack on this process's memory. */
export const MAX_UNPACKED_BYTES = 128 * 1_048_576;

/** Java's snappy streams: this, two int32 versions, then blocks of int32 length and a raw snappy block. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/** Unpacks a batch's records. `codec` is the low three bits of the batch's attributes. Throws whatever the codec throws. */
export function unpack(codec: number, packed: Buffer): Buffer {
  switch (codec) {
    case 1:
      return gunzipSync(packed, { maxOutputLength: MAX_UNPACKED_BYTES });
    case 2:
      return unpackSnappy(packed);
    case 3:
      return unpackLz4(packed);
    case 4:
      return zstdDecompressSync(packed, {
        maxOutputLength: MAX_UNPACKED_BYTES,
        // Kafka's producers may use the larger windows of high levels.
        params: { [constants.ZSTD_d_windowLogMax]: 27 },
      });
    default:
      throw new RangeError(`unknown compression codec ${codec}`);
  }
}

function unpackSnappy(packed: Buffer): Buffer {
  if (!packed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return unpackSnappyBlock(packed);
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = XERIAL_HEADER_BYTES; at < packed.length; ) {
    const length = packed.readInt32BE(at);
    at += 4;
    const block = unpackSnappyBlock(packed.subarray(at, at + length));
    at += length;
    total += block.length;
    if (total > MAX_UNPACKED_BYTES) throw new RangeError('the batch unpacks to too much');
    blocks.push(block);
  }
  return Buffer.concat(blocks);
}

function unpackSnappyBlock(packed: Buffer): Buffer {
  return snappy.uncompress(packed, MAX_UNPACKED_BYTES) as Buffer;
}

function unpackLz4(packed: Buffer): Buffer {
  if (lz4.decompressBound(packed) > MAX_UNPACKED_BYTES) throw new RangeError('the batch unpacks to too much');
  const bytes = lz4.decompress(packed);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
