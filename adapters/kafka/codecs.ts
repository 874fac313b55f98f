/**
 * The compression codecs of record batches, reading only: whatever a foreign producer may legally send has to be read.
 * gzip and zstd by `node:zlib`, snappy by snappyjs, lz4's blocks by lz4js.
 *
 * A legal batch of 1 MiB may unpack to 100 MiB and more, which takes tenths of a second. So only small ones are unpacked at once; gzip and
 * zstd of others in zlib's threads, lz4 and Java's snappy block by block. A raw snappy block can't be cut: 1 MiB of it are at
 * most 22 MiB, 90 ms.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, gunzip, gunzipSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import snappy from 'snappyjs';
import { unpackLz4Frame } from './lz4-frame.ts';

/** A batch that unpacks to more is taken for an attack on this process's memory. */
export const MAX_UNPACKED_BYTES = 128 * 1_048_576;
/** A batch that unpacks to more is not unpacked in one turn of the event loop. */
export const MAX_UNPACKED_AT_ONCE_BYTES = 1_048_576;

/** Java's snappy streams: this, two int32 versions, then blocks of int32 length and a raw snappy block. */
const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;
/** Kafka's producers may use the larger windows of high levels. */
const ZSTD_PARAMS = { [constants.ZSTD_d_windowLogMax]: 27 };

const SMALL = { maxOutputLength: MAX_UNPACKED_AT_ONCE_BYTES };
const LARGE = { maxOutputLength: MAX_UNPACKED_BYTES };
const gunzipLater = promisify<Buffer, typeof LARGE, Buffer>(gunzip);
const zstdLater = promisify<Buffer, typeof LARGE & { params: typeof ZSTD_PARAMS }, Buffer>(zstdDecompress);

/**
 * Unpacks a batch's records, at once or, where that would take long, in a promise. `codec` is the low three bits of the batch's attributes.
 * Throws, or rejects with, whatever the codec throws.
 */
export function unpack(codec: number, packed: Buffer): Buffer | Promise<Buffer> {
  switch (codec) {
    case 1:
      return small(packed, () => gunzipSync(packed, SMALL)) ?? gunzipLater(packed, LARGE);
    case 2:
      return bySteps(unpackSnappy(packed));
    case 3:
      return bySteps(unpackLz4Frame(packed, MAX_UNPACKED_BYTES));
    case 4:
      return (
        small(packed, () => zstdDecompressSync(packed, { ...SMALL, params: ZSTD_PARAMS })) ??
        zstdLater(packed, { ...LARGE, params: ZSTD_PARAMS })
      );
    default:
      throw new RangeError(`unknown compression codec ${codec}`);
  }
}

/** Packed bytes of which none that is sound takes long, unless it holds little but repetition. */
const SMALL_PACKED_BYTES = 32_768;

/** null where it is, or turns out to be, too large to be unpacked here and now, or can't be at all. */
function small(packed: Buffer, unpackNow: () => Buffer): Buffer | null {
  if (packed.length > SMALL_PACKED_BYTES) return null;
  try {
    return unpackNow();
  } catch {
    return null;
  }
}

/** Runs the steps in one turn as long as they have unpacked little; then with a turn of the loop after every so many bytes. */
function bySteps(steps: Generator<number, Buffer>): Buffer | Promise<Buffer> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (step.value >= MAX_UNPACKED_AT_ONCE_BYTES) return later(steps, step.value);
  }
}

async function later(steps: Generator<number, Buffer>, unpacked: number): Promise<Buffer> {
  let turnedAt = unpacked;
  await turn();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (step.value - turnedAt < MAX_UNPACKED_AT_ONCE_BYTES) continue;
    turnedAt = step.value;
    await turn();
  }
}

/** Yields the bytes unpacked so far; returns all of them. */
function* unpackSnappy(packed: Buffer): Generator<number, Buffer> {
  if (!packed.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return unpackSnappyBlock(packed);
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = XERIAL_HEADER_BYTES; at < packed.length; ) {
    const length = packed.readInt32BE(at);
    at += 4;
    if (length <= 0) throw new RangeError('a snappy block without bytes');
    const block = unpackSnappyBlock(packed.subarray(at, at + length));
    at += length;
    total += block.length;
    if (total > MAX_UNPACKED_BYTES) throw new RangeError('the batch unpacks to too much');
    blocks.push(block);
    yield total;
  }
  return Buffer.concat(blocks);
}

function unpackSnappyBlock(packed: Buffer): Buffer {
  return snappy.uncompress(packed, MAX_UNPACKED_BYTES) as Buffer;
}
