/** Whether bytes are JSON. */
import { Buffer, isUtf8 } from 'node:buffer';

/** Whether the bytes are one JSON value in UTF-8, no more and no less. */
export function isJson(data: Uint8Array): boolean {
  const text = asBuffer(data).toString();
  // What bytes that are no UTF-8 turn into; it may stand there honestly too.
  if (text.includes('\ufffd') && !isUtf8(data)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
