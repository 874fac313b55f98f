/**
 * Which rounds count, and how often one is tried: a round in which the load generator or the brokers were too busy to be told from what is
 * measured, or in which the hypervisor gave the cores to somebody else, is void, repeated within a bound, and counted.
 */

/** Above these shares a round is void. */
export const VOID_ABOVE = {
  /** Of the core (or cores) that the busiest load process may use. */
  load: 0.9,
  /** Of the cores that the brokers may use. */
  brokers: 0.9,
  /** Of all cores of the machine. */
  stolen: 0.08,
} as const;

/** How busy what surrounds the measured process was; shares from 0 to 1. What a bench doesn't have, it leaves out. */
export interface Surroundings {
  readonly load?: number;
  readonly brokers?: number;
  readonly stolen: number;
}

/** Why a round doesn't count; empty where it does. */
export function voidReasons({ load = 0, brokers = 0, stolen }: Surroundings): string[] {
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const reasons: string[] = [];
  if (load > VOID_ABOVE.load) reasons.push(`load generator ${percent(load)} busy`);
  if (brokers > VOID_ABOVE.brokers) reasons.push(`brokers ${percent(brokers)} busy`);
  if (stolen > VOID_ABOVE.stolen) reasons.push(`${percent(stolen)} stolen by the hypervisor`);
  return reasons;
}

/** Rounds tried for each one asked for, since void ones are repeated. */
export const DEFAULT_TRIES = 4;

export interface Turns<Side extends string, Round> {
  readonly sides: readonly Side[];
  /** Rounds that must count, of each side. */
  readonly repeats: number;
  /** A side is tried at most `repeats` times this. */
  readonly tries?: number;
  readonly play: (side: Side, turn: number) => Promise<Round>;
  readonly isVoid: (round: Round) => boolean;
}

export interface Played<Round> {
  /** Those that count. */
  readonly valid: readonly Round[];
  readonly void: readonly Round[];
}

/**
 * Plays the sides in turn, one round each, until each has as many rounds that count as asked for or has been tried often enough. A side
 * that is short of them is said on stderr, and shows in what is returned.
 */
export async function playInTurn<Side extends string, Round>(
  turns: Turns<Side, Round>,
): Promise<ReadonlyMap<Side, Played<Round>>> {
  const { sides, repeats, tries = DEFAULT_TRIES, play, isVoid } = turns;
  const played = new Map(sides.map((side) => [side, { valid: [] as Round[], void: [] as Round[] }]));
  for (let turn = 1; turn <= repeats * tries; turn++) {
    for (const [side, rounds] of played) {
      if (rounds.valid.length >= repeats) continue;
      const round = await play(side, turn);
      rounds[isVoid(round) ? 'void' : 'valid'].push(round);
    }
    if ([...played.values()].every(({ valid }) => valid.length >= repeats)) break;
  }
  for (const [side, { valid }] of played) {
    if (valid.length < repeats) process.stderr.write(`only ${valid.length} of ${repeats} rounds of ${side} count\n`);
  }
  return played;
}

/** Rounds over all sides, as a result says them. */
export function countRounds(played: Iterable<Played<unknown>>): {
  readonly rounds: number;
  readonly voidRounds: number;
} {
  let [rounds, voidRounds] = [0, 0];
  for (const one of played) {
    rounds += one.valid.length;
    voidRounds += one.void.length;
  }
  return { rounds, voidRounds };
}
