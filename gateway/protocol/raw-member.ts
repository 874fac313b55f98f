/**
 * Finds the bytes of one member of a JSON object, so that `data` goes to the log as the client wrote it: numbers beyond 2^53,
 * `1e400`, spaces and escapes survive, which JSON.parse and JSON.stringify would change.
 *
 * It is meant for text that JSON.parse has already accepted: no error handling, no recursion, one pass. On any other text it ends all the
 * same, with some part of it or by JSON.parse's error on a key.
 */
import type { Buffer } from 'node:buffer';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const SPACE = 0x20;
/** Strings longer than this are searched for their end by the platform, which is slower to begin and faster then. */
const NEAR_BYTES = 24;

/**
 * The bytes of the value of the top-level member `name`, or null if there is none. Where the name occurs twice the last one
 * counts, as in JSON.parse. A view, not a copy.
 *
 * @param text one JSON object in UTF-8, valid
 */
export function rawMember(text: Buffer, name: string): Buffer | null {
  let found: Buffer | null = null;
  let at = skipSpace(text, 0) + 1;
  while (at < text.length) {
    at = skipSpace(text, at);
    if (text[at] !== QUOTE) break; // the closing brace
    const keyEnd = skipString(text, at);
    const matches = keyEquals(text, at, keyEnd, name);
    at = skipSpace(text, keyEnd);
    if (text[at] === COLON) at = skipSpace(text, at + 1);
    const valueEnd = skipValue(text, at);
    if (matches) found = text.subarray(at, valueEnd);
    at = skipSpace(text, valueEnd);
    if (text[at] === COMMA) at += 1;
  }
  return found;
}

/** `start` is the opening quote, `end` one past the closing one. A key may spell its letters as escapes, which makes it longer. */
function keyEquals(text: Buffer, start: number, end: number, name: string): boolean {
  const length = end - start - 2;
  if (length < name.length) return false;
  if (length > name.length) {
    const isEscaped = text.subarray(start, end).includes(BACKSLASH);
    return isEscaped && JSON.parse(text.toString('utf8', start, end)) === name;
  }
  for (let at = 0; at < length; at += 1) if (text[start + 1 + at] !== name.charCodeAt(at)) return false;
  return true;
}

function skipSpace(text: Buffer, from: number): number {
  let at = from;
  // Space, tab, line feed and carriage return are the only bytes up to 0x20 that valid JSON has between tokens.
  while (at < text.length && (text[at] as number) <= SPACE) at += 1;
  return at;
}

/** From an opening quote to one past the closing one. */
function skipString(text: Buffer, from: number): number {
  let at = from + 1;
  const near = Math.min(text.length, at + NEAR_BYTES);
  while (at < near) {
    const byte = text[at];
    if (byte === QUOTE) return at + 1;
    at += byte === BACKSLASH ? 2 : 1;
  }
  return skipLongString(text, at);
}

/** From inside of a string, at no escaped byte, to one past its closing quote. */
function skipLongString(text: Buffer, from: number): number {
  for (let quote = text.indexOf(QUOTE, from); quote >= 0; quote = text.indexOf(QUOTE, quote + 1)) {
    let before = quote;
    while (before > from && text[before - 1] === BACKSLASH) before -= 1;
    // Backslashes escape each other in pairs: one left over escapes the quote.
    if ((quote - before) % 2 === 0) return quote + 1;
  }
  return text.length;
}

/** From the first byte of a value to one past its last. */
function skipValue(text: Buffer, from: number): number {
  const first = text[from];
  if (first === QUOTE) return skipString(text, from);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipNested(text, from);
  let at = from;
  while (at < text.length) {
    const byte = text[at] as number;
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= SPACE) break;
    at += 1;
  }
  return at;
}

/** The text is valid, so both kinds of brackets can share one depth. */
function skipNested(text: Buffer, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const byte = text[at];
    if (byte === QUOTE) {
      at = skipString(text, at);
      continue;
    }
    at += 1;
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return at;
}
