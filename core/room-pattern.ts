/**
 * Room patterns of a token: `*` stands for one or more characters other than `/`, `**` for any characters (also none), all
 * else is literal. Only a pattern that itself begins with `@` matches a room that does (`@user/<id>`, `@all`).
 *
 * A pattern is matched as an automaton whose states are the bits of a few words, all of them moved at once by a shift: at most
 * (room length × pattern length / 32) steps whatever the pattern, no backtracking, hence nothing to blow up.
 */

/** Bytes, hence at most as many UTF-16 units, of a room's name: a pattern that needs more of them matches nothing. */
const MAX_ROOM_LENGTH = 200;
const WORD_BITS = 32;
const SLASH = 0x2f;
const STAR = 0x2a;
const RESERVED = '@';

export interface RoomPattern {
  matches(room: string): boolean;
}

export function compilePattern(pattern: string): RoomPattern {
  const reserved = pattern.startsWith(RESERVED);
  const matches = matcher(pattern);
  return { matches: (room) => room.startsWith(RESERVED) === reserved && matches(room) };
}

/** The two shapes that nearly all tokens have need no automaton. */
function matcher(pattern: string): (room: string) => boolean {
  const star = pattern.indexOf('*');
  if (star === -1) return (room) => room === pattern;
  const head = pattern.slice(0, star);
  if (star === pattern.length - 2 && pattern.endsWith('**')) return (room) => room.startsWith(head);
  const steps = pattern.replaceAll(/\*\*/g, '').length;
  if (steps > MAX_ROOM_LENGTH) return () => false;
  const automaton = new Automaton(pattern, steps);
  return (room) => room.length >= steps && room.startsWith(head) && automaton.accepts(room);
}

/**
 * State i: the first i steps were made. A step takes one character, a literal one or, for `*`, any but `/`. A state may also be
 * stayed in: behind `*` by any character but `/`, where `**` stands by any at all.
 */
class Automaton {
  readonly #last: number;
  readonly #words: number;
  /** By character: the states that a step by it leads to. */
  readonly #literal = new Map<number, Uint32Array>();
  readonly #none: Uint32Array;
  readonly #notSlash: Uint32Array;
  readonly #stayNotSlash: Uint32Array;
  readonly #stayAny: Uint32Array;

  constructor(pattern: string, steps: number) {
    this.#last = steps;
    this.#words = Math.floor(steps / WORD_BITS) + 1;
    this.#none = this.#set();
    this.#notSlash = this.#set();
    this.#stayNotSlash = this.#set();
    this.#stayAny = this.#set();
    let state = 0;
    for (let at = 0; at < pattern.length; at += 1) {
      const unit = pattern.charCodeAt(at);
      if (unit === STAR && pattern.charCodeAt(at + 1) === STAR) {
        add(this.#stayAny, state);
        at += 1;
        continue;
      }
      state += 1;
      if (unit !== STAR) add(this.#leadingTo(unit), state);
      else {
        add(this.#notSlash, state);
        add(this.#stayNotSlash, state);
      }
    }
  }

  accepts(room: string): boolean {
    const states = this.#set();
    add(states, 0);
    for (let at = 0; at < room.length; at += 1) {
      const unit = room.charCodeAt(at);
      const literal = this.#literal.get(unit) ?? this.#none;
      const isSlash = unit === SLASH;
      let carried = 0;
      for (let word = 0; word < this.#words; word += 1) {
        const before = states[word] as number;
        const by = (literal[word] as number) | (isSlash ? 0 : (this.#notSlash[word] as number));
        const stay = (this.#stayAny[word] as number) | (isSlash ? 0 : (this.#stayNotSlash[word] as number));
        states[word] = (((before << 1) | carried) & by) | (before & stay);
        carried = before >>> (WORD_BITS - 1);
      }
    }
    return has(states, this.#last);
  }

  #set(): Uint32Array {
    return new Uint32Array(this.#words);
  }

  #leadingTo(unit: number): Uint32Array {
    let states = this.#literal.get(unit);
    if (states === undefined) {
      states = this.#set();
      this.#literal.set(unit, states);
    }
    return states;
  }
}

function add(states: Uint32Array, state: number): void {
  const word = Math.floor(state / WORD_BITS);
  states[word] = (states[word] as number) | (1 << (state % WORD_BITS));
}

const has = (states: Uint32Array, state: number): boolean =>
  (((states[Math.floor(state / WORD_BITS)] as number) >>> (state % WORD_BITS)) & 1) === 1;
