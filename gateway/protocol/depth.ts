/**
 * How deeply a JSON text nests, told from its brackets alone: JSON.parse takes some ten times as long for a byte that opens an array
 * than for one of plain text, and other readers of the log may recurse.
 */

/** Objects and arrays inside each other, the frame itself included. */
export const MAX_FRAME_DEPTH = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** `{` and `[` without the bit in which they differ; and `}` and `]`. No other byte of JSON outside of strings looks like them. */
const OPEN = 0x5b;
const CLOSE = 0x5d;
const BRACKET_BIT = 0x20;

/** Whether some place of the text is inside more than `limit` brackets. The text need not be valid. */
export function nestsDeeperThan(text: Uint8Array, limit: number): boolean {
  const end = text.length;
  let depth = 0;
  for (let at = 0; at < end; at += 1) {
    const byte = text[at] as number;
    if (byte === QUOTE) {
      for (at += 1; at < end && text[at] !== QUOTE; at += 1) if (text[at] === BACKSLASH) at += 1;
      continue;
    }
    const bracket = byte & ~BRACKET_BIT;
    if (bracket === OPEN) {
      depth += 1;
      if (depth > limit) return true;
    } else if (bracket === CLOSE) depth -= 1;
  }
  return false;
}
