/**
 * WebSocket framing of what many members get: done once, into one buffer, whatever the number of members.
 *
 * Server to client, so unmasked; every message is one frame (RFC 6455 §5.2):
 *
 *     | FIN 1, RSV 000, opcode 0001 | MASK 0, length 7 bits | length, 0, 16 or 64 bits | payload |
 *     | 0x81                        | 0..125, 126 or 127    | big-endian               |         |
 */
import { Buffer } from 'node:buffer';

const FIN_TEXT = 0x81;
const LENGTH_IN_16_BITS = 126;
const LENGTH_IN_64_BITS = 127;

function headerBytes(payloadBytes: number): number {
  if (payloadBytes < LENGTH_IN_16_BITS) return 2;
  return payloadBytes <= 0xffff ? 4 : 10;
}

/** Writes the header of a text message; returns the place behind it. */
function writeHeader(target: Buffer, at: number, payloadBytes: number): number {
  target[at] = FIN_TEXT;
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

/** One buffer that holds each payload as a whole text message, in order: one socket write. */
export function frameTexts(payloads: readonly Buffer[]): Buffer {
  let bytes = 0;
  for (const payload of payloads) bytes += headerBytes(payload.length) + payload.length;
  const framed = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const payload of payloads) {
    at = writeHeader(framed, at, payload.length);
    at += payload.copy(framed, at);
  }
  return framed;
}
