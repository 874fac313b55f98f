/**
 * Who publishes where, by the bytes that say it: room, user and session stand one behind the other in an inbound record, and the same three come record
 * after record. Found by all their bytes at once, they are the strings that were made before: nothing is made, and maps need not hash them again.
 *
 * A table of fixed size, in which three names have one place. They get it when they are seen a second time and whoever had it was not seen meanwhile, so that
 * a million publishers who come once each cost a look, and two that share a place do not take turns.
 */
import { wordBefore } from './recurring-text.ts';

/** Node's own slicing without the choice of an encoding by name; not in its types. */
type Slicing = Buffer & { latin1Slice(from: number, to: number): string };

/** What of a record says who publishes where. */
export interface PublisherFields {
  readonly room: string;
  readonly user: string;
  readonly session: string | null;
}

interface Kept extends PublisherFields {
  /** Each character a byte. */
  readonly bytes: string;
}

/** Names that are kept, of three each; a power of two. */
const PLACES = 65_536;
const PLACE_BITS = 16;
/** Longer ones are not kept, nor shorter ones, of which the hash below would take in too much. */
const MAX_BYTES = 192;
const MIN_BYTES = 8;
/** Odd numbers with their bits well mixed. */
const [MIX, MIX_MORE, MIX_ROOM] = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35];

const kept: (Kept | undefined)[] = new Array(PLACES).fill(undefined);
/** Of the names that were seen last at a place and are not those kept there. */
const seen = new Int32Array(PLACES);

/** The names whose bytes stand from `start` up to `end`, the room's up to `roomEnd`; null where they are not known. */
export function recurringPublisher(
  source: Buffer,
  start: number,
  roomEnd: number,
  end: number,
): PublisherFields | null {
  if (!isKeepable(start, roomEnd, end)) return null;
  const place = hashOf(source, start, roomEnd, end) >>> (32 - PLACE_BITS);
  const found = kept[place];
  if (found === undefined) return null;
  const { bytes } = found;
  if (bytes.length !== end - start) return null;
  // From the end, where they differ if they do.
  for (let at = bytes.length - 1; at >= 0; at--) if (bytes.charCodeAt(at) !== source[start + at]) return null;
  seen[place] = 0;
  return found;
}

/** Says what those bytes mean, after `recurringPublisher` did not know it. */
export function notePublisher(
  source: Buffer,
  start: number,
  roomEnd: number,
  end: number,
  fields: PublisherFields,
): void {
  if (!isKeepable(start, roomEnd, end)) return;
  const hash = hashOf(source, start, roomEnd, end);
  const place = hash >>> (32 - PLACE_BITS);
  if (seen[place] !== hash) {
    seen[place] = hash;
    return;
  }
  const { room, user, session } = fields;
  kept[place] = { bytes: (source as Slicing).latin1Slice(start, end), room, user, session };
  seen[place] = 0;
}

const isKeepable = (start: number, roomEnd: number, end: number): boolean =>
  end - start <= MAX_BYTES && roomEnd - start >= MIN_BYTES;

/** A session ends in what is random of it, a room's name in what tells it from the others. */
function hashOf(source: Buffer, start: number, roomEnd: number, end: number): number {
  const mixed = Math.imul(wordBefore(source, end - 4), MIX) ^ Math.imul(wordBefore(source, roomEnd), MIX_ROOM);
  return Math.imul(wordBefore(source, end) ^ mixed ^ (end - start), MIX_MORE);
}
