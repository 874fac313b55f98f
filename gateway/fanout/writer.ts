/**
 * WebSocket framing of what many members get: done once, into one buffer, whatever the number of members.
 *
 * Server to client, so unmasked; every message is one frame (RFC 6455 §5.2; RSV1: its payload is compressed, RFC 7692 §6):
 *
 *     | FIN 1, RSV r00, opcode 1 or 2 | MASK 0, length 7 bits | length, 0, 16 or 64 bits | payload |
 *     | 0x81, 0x82, 0xc1 or 0xc2      | 0..125, 126 or 127    | big-endian               |         |
 */
import type { Buffer } from 'node:buffer';
import { Pages } from '../../core/pages.ts';
import type { EventEncoding, SharedDeflate } from '../stream.ts';

const FIN = 0x80;
const FIN_RSV1 = 0xc0;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;
/** What waits in full sockets is kept for long. */
const pages = new Pages();

function headerBytes(payloadBytes: number): number {
  if (payloadBytes < LENGTH_IN_16_BITS) return 2;
  return payloadBytes <= 0xffff ? 4 : 10;
}

/** Writes a header; returns the place behind it. */
function writeHeader(target: Buffer, at: number, first: number, payloadBytes: number): number {
  target[at] = first;
  if (payloadBytes < LENGTH_IN_16_BITS) {
    target[at + 1] = payloadBytes;
    return at + 2;
  }
  if (payloadBytes <= 0xffff) {
    target[at + 1] = LENGTH_IN_16_BITS;
    target.writeUInt16BE(payloadBytes, at + 2);
    return at + 4;
  }
  target[at + 1] = LENGTH_IN_64_BITS;
  target.writeUInt32BE(0, at + 2);
  target.writeUInt32BE(payloadBytes, at + 6);
  return at + 10;
}

/**
 * One buffer that holds each payload as a whole message, in order: one socket write.
 * @param deflate compresses those that it pays for
 */
export function frameMessages(
  payloads: readonly Buffer[],
  opcode: EventEncoding['opcode'],
  deflate: SharedDeflate | null = null,
): Buffer {
  const deflated = deflate === null ? [] : payloads.map((payload) => deflate.deflate(payload));
  let bytes = 0;
  for (let index = 0; index < payloads.length; index += 1) {
    const { length } = deflated[index] ?? (payloads[index] as Buffer);
    bytes += headerBytes(length) + length;
  }
  const framed = pages.take(bytes);
  let at = 0;
  for (let index = 0; index < payloads.length; index += 1) {
    const shrunk = deflated[index] ?? null;
    const payload = shrunk ?? (payloads[index] as Buffer);
    at = writeHeader(framed, at, (shrunk === null ? FIN : FIN_RSV1) | opcode, payload.length);
    at += payload.copy(framed, at);
  }
  return framed;
}
