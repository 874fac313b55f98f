/** What is played: cases, their contenders in turn, rate after rate, and the ladder to the highest rate that holds. */
import type { ChildProcess } from 'node:child_process';
import type { Contender, Setting } from './contenders.ts';
import type { Phase } from './messages.ts';
import { type Audience, type Pace, Session } from './session.ts';

/** A rate counts as failed above it. */
export const MAX_P99_MS = 50;
const OVERWHELMED_P99_MS = 250;
/** A rung that does not hold is tried again so often, since machines hiccup. */
const RUNG_TRIES = 2;
/** A void phase is played again so often. */
const PHASE_TRIES = 3;
/** Rates of the ladder, events/s; all contenders meet on the same ones. */
const RUNGS = [20, 30, 40, 60, 80, 100, 125, 160, 200, 300, 450, 700, 1_000, 1_400, 2_000, 2_800, 4_000, 5_600, 8_000];

export interface Case {
  readonly figure: 'P1' | 'P2';
  readonly audience: Audience;
  /** Ascending. */
  readonly rates: readonly Pace[];
  /** How long a rung of the ladder is played; null: the highest rate is not looked for. */
  readonly ladder: Omit<Pace, 'perSecond'> | null;
  readonly contenders: readonly Contender[];
}

/** What one contender did in one turn. */
export interface Turn {
  readonly contender: Contender;
  readonly turn: number;
  readonly phases: readonly Phase[];
  /** The highest rate that held, events/s; null where none was looked for or none held. */
  readonly highest: number | null;
}

const HOT: Case = {
  figure: 'P1',
  audience: { rooms: 1, membersPerRoom: 1_000 },
  rates: [
    // Long enough that one event more or less does not make a p99.
    { perSecond: 20, warmUpSeconds: 1, seconds: 5 },
    { perSecond: 200, warmUpSeconds: 0.4, seconds: 2 },
    { perSecond: 1_000, warmUpSeconds: 0.5, seconds: 2.5 },
  ],
  ladder: { warmUpSeconds: 0.3, seconds: 1.2 },
  contenders: ['roomlog', 'roomlog-unbatched', 'socket.io', 'ws-send', 'native', 'nats'],
};
const spread = (rooms: number): Case => ({
  figure: 'P2',
  audience: { rooms, membersPerRoom: 10 },
  // V8 compiles what 15,000 events run through; what it takes for that is no part of a delivery.
  rates: [{ warmUpSeconds: 3, seconds: 3, perSecond: 5_000 }],
  ladder: null,
  contenders: ['roomlog', 'socket.io', 'ws-send', 'node-floor', 'native'],
});

/** P1 takes about six minutes at three repeats, P2 seven. */
export const PLANS: Readonly<Record<Case['figure'], readonly Case[]>> = {
  P1: [HOT],
  P2: [spread(100), spread(1_000)],
};
export const QUICK_PLANS: typeof PLANS = { P1: [{ ...HOT, ladder: null }], P2: [spread(100)] };

export const holds = (one: Phase): boolean =>
  one.deliveredMs.p99 <= MAX_P99_MS && one.lost === 0 && one.outOfOrder === 0 && one.closed === 0;

/** Has more to write than it can: higher rates would only show the same. */
const isOverwhelmed = (one: Phase): boolean =>
  one.lost > 0 || (one.void.length === 0 && one.deliveredMs.p99 > OVERWHELMED_P99_MS);

function tell(one: Phase): void {
  const { contender, rooms, membersPerRoom, perSecond, deliveredMs, lost } = one;
  const percent = (share: number): string => `${Math.round(share * 100)} %`;
  const verdict = one.void.length > 0 ? `, VOID: ${one.void.join(', ')}` : holds(one) ? '' : ', FAILED';
  process.stderr.write(
    `${contender}, ${rooms} × ${membersPerRoom} at ${perSecond}/s: ${one.deliveriesPerCpuSecond} deliveries per CPU-second, p50 ${deliveredMs.p50} ms, p99 ${deliveredMs.p99} ms, lost ${lost}, server ${percent(one.serverCpu)}, clients ${percent(one.clientsCpu)}, Kafka and producer ${percent(one.infrastructureCpu)}, stolen ${percent(one.stolen)}${verdict}\n`,
  );
}

/** All contenders in turn, so often. */
export async function playCase(one: Case, repeats: number, setting: Setting, events: ChildProcess): Promise<Turn[]> {
  const turns: Turn[] = [];
  for (let turn = 1; turn <= repeats; turn += 1) {
    for (const contender of one.contenders) {
      const highest = turns.find((before) => before.contender === contender)?.highest ?? null;
      turns.push(await new Player(one, contender, setting, events).play(turn, highest));
    }
  }
  return turns;
}

class Player {
  readonly #case: Case;
  readonly #contender: Contender;
  readonly #setting: Setting;
  readonly #events: ChildProcess;
  readonly #phases: Phase[] = [];

  constructor(one: Case, contender: Contender, setting: Setting, events: ChildProcess) {
    this.#case = one;
    this.#contender = contender;
    this.#setting = setting;
    this.#events = events;
  }

  /** @param known the highest rate of the first turn: whoever holds it again need not show that it fails the next one */
  async play(turn: number, known: number | null): Promise<Turn> {
    const { rates, ladder } = this.#case;
    let best: number | null = null;
    let managed: number | null = null;
    let failed: number | null = null;
    let session = await this.#open();
    try {
      for (const pace of rates) {
        const phase = await this.#phase(session, pace);
        if (holds(phase)) best = pace.perSecond;
        if (isOverwhelmed(phase)) {
          failed = pace.perSecond;
          break;
        }
        managed = pace.perSecond;
      }
      if (ladder !== null && managed !== null && this.#contender !== 'roomlog-unbatched') {
        if (failed !== null) {
          // What it could not write in time it would still be writing.
          await session.close();
          session = await this.#open();
        }
        best = (await this.#climb(session, ladder, managed, failed ?? Number.POSITIVE_INFINITY, known)) ?? best;
      }
    } finally {
      await session.close();
    }
    return { contender: this.#contender, turn, phases: this.#phases, highest: ladder === null ? null : best };
  }

  /** The highest rung above `from` and below `below` that holds; once known, the highest that still does; null where none does. */
  async #climb(
    session: Session,
    ladder: Omit<Pace, 'perSecond'>,
    from: number,
    below: number,
    known: number | null,
  ): Promise<number | null> {
    const rungs = RUNGS.filter((rate) => rate > from && rate < below && rate <= (known ?? rate));
    if (known !== null) {
      for (const perSecond of rungs.reverse())
        if (await this.#rung(session, { ...ladder, perSecond })) return perSecond;
      return null;
    }
    let best: number | null = null;
    for (const perSecond of rungs) {
      if (!(await this.#rung(session, { ...ladder, perSecond }))) break;
      best = perSecond;
    }
    return best;
  }

  async #rung(session: Session, pace: Pace): Promise<boolean> {
    for (let tries = 1; ; tries += 1) {
      const phase = await this.#phase(session, pace);
      if (phase.void.length === 0 && holds(phase)) return true;
      if (isOverwhelmed(phase) || tries >= RUNG_TRIES) return false;
    }
  }

  /** The first one that counts, else the last. */
  async #phase(session: Session, pace: Pace): Promise<Phase> {
    for (let tries = 1; ; tries += 1) {
      const phase = await session.play(pace);
      tell(phase);
      this.#phases.push(phase);
      if (phase.void.length === 0 || tries >= PHASE_TRIES || isOverwhelmed(phase)) return phase;
    }
  }

  #open(): Promise<Session> {
    return Session.open(this.#contender, this.#case.audience, this.#setting, this.#events);
  }
}
