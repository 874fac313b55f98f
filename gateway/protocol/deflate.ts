/**
 * permessage-deflate (RFC 7692) for messages that many clients share: each is compressed once, without reference to those before
 * it, so that every client that negotiated `server_no_context_takeover` can inflate the same bytes.
 *
 *     deflate block(s) | 00 00 ff ff     what zlib's sync flush gives; the last four bytes are left out (section 7.2.1)
 */
import type { Buffer } from 'node:buffer';
import { constants, deflateRawSync } from 'node:zlib';
import type { SharedDeflate } from '../stream.ts';

/**
 * log2 of how far back a compressed message refers. Clients may ask for less than the usual 15 (Python's `websockets` asks for 12): as
 * what is shared has to suit all of them, all get 12. For messages of some kilobytes it costs hardly any ratio, and less time.
 */
export const SHARED_WINDOW_BITS = 12;
/** What zlib needs for so small a window. */
const MEM_LEVEL = 5;
/** The fastest: 6 µs a KB; the best is a tenth smaller and takes three times as long. */
const LEVEL = constants.Z_BEST_SPEED;
const TRAILER_BYTES = 4;

/** Compresses on the spot, so that order needs no queue: the time is bounded by the greatest message of a window. */
export class MessageDeflate implements SharedDeflate {
  readonly #minBytes: number;

  /** @param minBytes smaller messages stay as they are */
  constructor(minBytes: number) {
    this.#minBytes = minBytes;
  }

  deflate(payload: Buffer): Buffer | null {
    if (payload.length < this.#minBytes) return null;
    const deflated = deflateRawSync(payload, {
      level: LEVEL,
      windowBits: SHARED_WINDOW_BITS,
      memLevel: MEM_LEVEL,
      finishFlush: constants.Z_SYNC_FLUSH,
    });
    const bytes = deflated.length - TRAILER_BYTES;
    return bytes < payload.length ? deflated.subarray(0, bytes) : null;
  }
}

/** Whether a client that was answered with these response headers inflates what is shared. */
export function takesSharedDeflate(responseHeaders: readonly string[]): boolean {
  const accepted = responseHeaders.find((header) => /^sec-websocket-extensions: *permessage-deflate\b/i.test(header));
  if (accepted === undefined || !/;\s*server_no_context_takeover\b/i.test(accepted)) return false;
  const bits = /;\s*server_max_window_bits="?(\d+)/i.exec(accepted)?.[1];
  return bits === undefined || Number(bits) >= SHARED_WINDOW_BITS;
}
