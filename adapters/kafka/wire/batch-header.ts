/** Where a record batch stands, and what its header says (drawn in decode-batches.ts). */
import type { AppendRecord } from '../../../core/ports/event-log.ts';
import { int64At } from './bytes.ts';
import { crc32c } from './crc32c.ts';

export const HEADER_BYTES = 61;
/** Offset and length, which `batchLength` does not count. */
const PREFIX_BYTES = 12;
export const CODEC_BITS = 0x07;
export const LOG_APPEND_TIME_BIT = 0x08;
export const TRANSACTIONAL_BIT = 0x10;
export const CONTROL_BIT = 0x20;

/** The records of a sound, unpacked batch that is known by its bytes [at, end), checksum included; null where it has to be decoded. */
export type EchoOf = (bytes: Buffer, at: number, end: number) => readonly AppendRecord[] | null;

/** What a batch says that can't be true; the caller makes a `corrupt_record` of it. */
export class BatchFault extends Error {
  readonly offset: number;

  constructor(offset: number, message: string, cause?: unknown) {
    super(`batch at offset ${offset}: ${message}`, cause === undefined ? undefined : { cause });
    this.offset = offset;
  }
}

/** Where a batch stands in the answer, and what its header says. */
export interface Batch {
  readonly at: number;
  readonly end: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
  /** What `EchoOf` said. */
  readonly echo: readonly AppendRecord[] | null;
}

/** The header of the batch at `at`; null where no complete one stands there. Throws `BatchFault`. */
export function headerAt(bytes: Buffer, at: number, echoOf: EchoOf | undefined): Batch | null {
  if (at + HEADER_BYTES > bytes.length) return null;
  const baseOffset = int64At(bytes, at);
  const end = at + PREFIX_BYTES + bytes.readInt32BE(at + 8);
  // Answers are cut at a byte limit; the rest comes with the next fetch.
  if (end > bytes.length) return null;
  if (end < at + HEADER_BYTES) throw new BatchFault(baseOffset, 'impossible length');
  if (bytes[at + 16] !== 2) throw new BatchFault(baseOffset, `unsupported format version ${bytes[at + 16]}`);
  const echo = echoOf?.(bytes, at, end) ?? null;
  if (echo === null && bytes.readUInt32BE(at + 17) !== crc32c(bytes, at + 21, end)) {
    throw new BatchFault(baseOffset, 'wrong checksum');
  }
  const lastOffset = baseOffset + bytes.readInt32BE(at + 23);
  return { at, end, baseOffset, lastOffset, attributes: bytes.readInt16BE(at + 21), echo };
}

/** The offset behind the last complete batch of an answer, by the headers alone; null where there is none, or what stands there is no header. */
export function offsetBehind(bytes: Buffer): number | null {
  let behind: number | null = null;
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const end = at + PREFIX_BYTES + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break;
    if (end < at + HEADER_BYTES) return null;
    behind = int64At(bytes, at) + bytes.readInt32BE(at + 23) + 1;
    at = end;
  }
  return behind;
}
