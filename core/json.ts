/** Whether bytes are JSON. */
import { Buffer, isUtf8 } from 'node:buffer';

/** Whether the bytes are one JSON value in UTF-8, no more and no less. */
export function isJson(data: Uint8Array): boolean {
  if (!isUtf8(data)) return false;
  try {
    JSON.parse(asBuffer(data).toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
