/**
 * Strings that were made of the same bytes before: names of rooms, users and sessions come in record after record. Comparing some dozen bytes
 * costs less than making a string, and one that is known has its hash, which a new one needs again for each look-up in a map.
 *
 * A table of fixed size in which a name has one place, by its length and last bytes; whoever comes later to a place has it. So it needs no
 * clearing, and names that are made to collide only cost what making a string costs anyway.
 */

/** Node's own slicing without the choice of an encoding by name; not in its types. */
type Slicing = Buffer & { latin1Slice(from: number, to: number): string };

/** Names that are kept; a power of two. Their bytes take 2 MiB once all places are in use. */
const PLACES = 32_768;
/** Longer ones are not kept. */
const MAX_BYTES = 64;
/** Bytes at its end that say where a name is kept. */
const HASHED_BYTES = 8;

const texts: string[] = new Array(PLACES).fill('');
const bytesOf = new Uint8Array(PLACES * MAX_BYTES);

/** The bytes from `start` up to `end` as text; null where they are no ASCII, or too many to be kept. */
export function recurring(source: Buffer, start: number, end: number): string | null {
  const length = end - start;
  if (length > MAX_BYTES) return null;
  let hash = length;
  for (let at = length > HASHED_BYTES ? end - HASHED_BYTES : start; at < end; at++) {
    hash = Math.imul(hash, 31) + (source[at] as number);
  }
  const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
  const base = place * MAX_BYTES;
  const kept = texts[place] as string;
  if (kept.length === length) {
    let at = 0;
    while (at < length && bytesOf[base + at] === source[start + at]) at++;
    if (at === length) return kept;
  }
  for (let at = start; at < end; at++) if ((source[at] as number) >= 0x80) return null;
  const made = (source as Slicing).latin1Slice(start, end);
  for (let at = 0; at < length; at++) bytesOf[base + at] = source[start + at] as number;
  texts[place] = made;
  return made;
}
