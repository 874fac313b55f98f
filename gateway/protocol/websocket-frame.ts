/**
 * Server-side WebSocket messages as bytes, for writing past `ws` (RFC 6455, section 5.2): final, unmasked, uncompressed.
 *
 *     0x80 | opcode | length (0..125)            | payload
 *                   | 126 | length as uint16     | payload
 *                   | 127 | length as uint64     | payload
 */
import { Buffer } from 'node:buffer';

const FIN = 0x80;
const MAX_SHORT = 125;
const MAX_MEDIUM = 0xffff;

/** One whole message. @param opcode 1: text, 2: binary */
export function wholeMessage(payload: Buffer | string, opcode: 1 | 2): Buffer {
  const length = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.length;
  const header = length <= MAX_SHORT ? 2 : length <= MAX_MEDIUM ? 4 : 10;
  const message = Buffer.allocUnsafe(header + length);
  message[0] = FIN | opcode;
  if (header === 2) message[1] = length;
  else if (header === 4) {
    message[1] = 126;
    message.writeUInt16BE(length, 2);
  } else {
    message[1] = 127;
    message.writeBigUInt64BE(BigInt(length), 2);
  }
  if (typeof payload === 'string') message.write(payload, header, 'utf8');
  else payload.copy(message, header);
  return message;
}
