/**
 * What a token allows: its `rooms` claim, an array of `{"pattern": string, "allow": ["join", "publish"]}`. Absent or empty
 * allows nothing. Rights that this version does not know are ignored.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import { compilePattern, type RoomPattern } from '../../core/room-pattern.ts';

export type Right = 'join' | 'publish';

/** Entries of a `rooms` claim. */
export const MAX_PATTERNS = 100;
/** Characters of one pattern. */
export const MAX_PATTERN_LENGTH = 400;
/** Rooms whose verdict is remembered per token: publishes ask again and again for the same few. */
const MAX_REMEMBERED = 256;

interface Grant {
  readonly pattern: RoomPattern;
  readonly join: boolean;
  readonly publish: boolean;
}

interface Verdict {
  readonly join: boolean;
  readonly publish: boolean;
}

export class Permissions {
  readonly #grants: readonly Grant[];
  readonly #verdicts = new Map<RoomId, Verdict>();

  /** @param claim the token's `rooms`. Throws `unauthorized` where it is not of the documented shape or beyond its limits. */
  constructor(claim: unknown) {
    this.#grants = readGrants(claim);
  }

  allows(right: Right, room: RoomId): boolean {
    return this.#verdict(room)[right];
  }

  /** Throws `forbidden`. */
  require(right: Right, room: RoomId): void {
    if (!this.allows(right, room))
      throw new RoomlogError('forbidden', `The token does not allow to ${right} this room.`);
  }

  #verdict(room: RoomId): Verdict {
    const known = this.#verdicts.get(room);
    if (known !== undefined) return known;
    const verdict = { join: false, publish: false };
    for (const grant of this.#grants) {
      if ((verdict.join || !grant.join) && (verdict.publish || !grant.publish)) continue;
      if (!grant.pattern.matches(room)) continue;
      verdict.join ||= grant.join;
      verdict.publish ||= grant.publish;
    }
    if (this.#verdicts.size >= MAX_REMEMBERED) this.#verdicts.clear();
    this.#verdicts.set(room, verdict);
    return verdict;
  }
}

function readGrants(claim: unknown): Grant[] {
  if (claim === undefined) return [];
  if (!Array.isArray(claim)) throw invalid('is not an array');
  if (claim.length > MAX_PATTERNS) throw invalid(`has more than ${MAX_PATTERNS} entries`);
  return claim.map(readGrant);
}

function readGrant(entry: unknown): Grant {
  if (typeof entry !== 'object' || entry === null) throw invalid('has an entry that is not an object');
  const { pattern, allow } = entry as { pattern?: unknown; allow?: unknown };
  if (typeof pattern !== 'string') throw invalid('has an entry without a pattern');
  if (pattern.length > MAX_PATTERN_LENGTH) throw invalid(`has a pattern of more than ${MAX_PATTERN_LENGTH} characters`);
  if (!Array.isArray(allow)) throw invalid('has an entry whose allow is not an array');
  return { pattern: compilePattern(pattern), join: allow.includes('join'), publish: allow.includes('publish') };
}

const invalid = (what: string): RoomlogError => new RoomlogError('unauthorized', `The token’s rooms claim ${what}.`);
