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
/** Compiled patterns that are kept for the next token. */
const MAX_SHARED_PATTERNS = 1_000;

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
  /** The room asked for last, and, once there was another, all that were. */
  #last: { readonly room: RoomId; readonly verdict: Verdict } | null = null;
  #verdicts: Map<RoomId, Verdict> | null = null;

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
    if (this.#last?.room === room) return this.#last.verdict;
    const verdict = this.#verdicts?.get(room) ?? this.#judge(room);
    if (this.#last !== null) {
      this.#verdicts ??= new Map();
      if (this.#verdicts.size >= MAX_REMEMBERED) this.#verdicts.clear();
      this.#verdicts.set(room, verdict);
    }
    this.#last = { room, verdict };
    return verdict;
  }

  #judge(room: RoomId): Verdict {
    const verdict = { join: false, publish: false };
    for (const grant of this.#grants) {
      if ((verdict.join || !grant.join) && (verdict.publish || !grant.publish)) continue;
      if (!grant.pattern.matches(room)) continue;
      verdict.join ||= grant.join;
      verdict.publish ||= grant.publish;
    }
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
  return { pattern: compiled(pattern), join: allow.includes('join'), publish: allow.includes('publish') };
}

/** Compiled patterns are shared: the tokens of an application say the same few, one for each of its users at most. */
const patterns = new Map<string, RoomPattern>();

function compiled(pattern: string): RoomPattern {
  let found = patterns.get(pattern);
  if (found === undefined) {
    found = compilePattern(pattern);
    if (patterns.size >= MAX_SHARED_PATTERNS) patterns.clear();
    patterns.set(pattern, found);
  }
  return found;
}

const invalid = (what: string): RoomlogError => new RoomlogError('unauthorized', `The token’s rooms claim ${what}.`);
