/**
 * Strings that were made of the same bytes before: names of rooms, users and sessions come in record after record. Comparing some dozen bytes
 * costs less than making a string, and one that is known has its hash, which a new one needs again for each look-up in a map.
 *
 * A small table in which a name has one place, by its length and last bytes; whoever comes later has it. A larger one is no gain: with ten
 * thousands of names each look is at memory that no cache of the processor holds, which costs what making the string costs.
 */

/** Node's own slicing without the choice of an encoding by name; not in its types. */
type Slicing = Buffer & { latin1Slice(from: number, to: number): string };

/** Names that are kept; a power of two. */
const PLACES = 4_096;
const PLACE_BITS = 12;
/** Longer names are not kept. */
const MAX_BYTES = 64;
/** Odd numbers with their bits well mixed. */
const [MIX, MIX_MORE] = [0x9e3779b1, 0x85ebca6b];
const WORD_BYTES = 4;

const texts: string[] = new Array(PLACES).fill('');
/** Their bytes, each name in a place of its own: they are compared faster than the characters of a string. */
const bytes = new Uint8Array(PLACES * MAX_BYTES);

/** The bytes from `start` up to `end` as text; null where they are no ASCII, or too many to be kept. */
export function recurring(source: Buffer, start: number, end: number): string | null {
  const length = end - start;
  if (length > MAX_BYTES) return null;
  const last = length < WORD_BYTES ? length : wordBefore(source, end);
  const before = length < 2 * WORD_BYTES ? length : wordBefore(source, end - WORD_BYTES);
  const place = Math.imul(last ^ Math.imul(before, MIX) ^ length, MIX_MORE) >>> (32 - PLACE_BITS);
  const kept = texts[place] as string;
  if (kept.length === length) {
    let from = start;
    for (let at = place * MAX_BYTES; from < end && bytes[at] === source[from]; at++) from++;
    if (from === end) return kept;
  }
  for (let at = start; at < end; at++) if ((source[at] as number) >= 0x80) return null;
  const made = (source as Slicing).latin1Slice(start, end);
  texts[place] = made;
  for (let at = start; at < end; at++) bytes[place * MAX_BYTES + at - start] = source[at] as number;
  return made;
}

/** The four bytes that end at `end`. */
export function wordBefore(source: Buffer, end: number): number {
  const high = ((source[end - 4] as number) << 24) | ((source[end - 3] as number) << 16);
  return high | ((source[end - 2] as number) << 8) | (source[end - 1] as number);
}
