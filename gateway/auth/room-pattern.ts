/**
 * Room patterns of a token: `*` stands for one or more characters other than `/`, `**` for any characters (also none), all
 * else is literal. Only a pattern that itself begins with `@` matches a room that does (`@user/<id>`, `@all`).
 *
 * Matching simulates the pattern as an automaton, so that its cost is at most (pattern length × room length) whatever the
 * pattern: no backtracking, hence nothing to blow up.
 */

/** One step of a compiled pattern: a literal UTF-16 unit, or one of the three below. */
type Step = number;
const ONE_NOT_SLASH = -1;
const LOOP_NOT_SLASH = -2;
const LOOP_ANY = -3;

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
  const steps = compile(pattern);
  return (room) => room.startsWith(head) && run(steps, room);
}

function compile(pattern: string): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < pattern.length; at += 1) {
    const unit = pattern.charCodeAt(at);
    if (unit !== STAR) steps.push(unit);
    else if (pattern.charCodeAt(at + 1) === STAR) {
      steps.push(LOOP_ANY);
      at += 1;
    } else steps.push(ONE_NOT_SLASH, LOOP_NOT_SLASH);
  }
  return steps;
}

function run(steps: readonly Step[], room: string): boolean {
  let states = new Uint8Array(steps.length + 1);
  let next = new Uint8Array(steps.length + 1);
  states[0] = 1;
  for (let at = 0; at < room.length; at += 1) {
    const unit = room.charCodeAt(at);
    next.fill(0);
    for (let index = 0; index < steps.length; index += 1) {
      if (states[index] === 0) continue;
      const step = steps[index] as Step;
      const loops = step === LOOP_ANY || step === LOOP_NOT_SLASH;
      if (loops) states[index + 1] = 1; // a loop may also end here, without this character
      if (step === unit || (step === ONE_NOT_SLASH && unit !== SLASH)) next[index + 1] = 1;
      else if (step === LOOP_ANY || (step === LOOP_NOT_SLASH && unit !== SLASH)) next[index] = 1;
    }
    [states, next] = [next, states];
  }
  for (let index = 0; index < steps.length; index += 1) {
    const step = steps[index];
    if (states[index] === 1 && (step === LOOP_ANY || step === LOOP_NOT_SLASH)) states[index + 1] = 1;
  }
  return states[steps.length] === 1;
}
