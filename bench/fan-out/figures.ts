/** What the phases amount to: rows by case and contender, and the goals of P1 and P2. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../scripts/stack/root.ts';
import { median, round } from '../support/latency.ts';
import { type BenchGoal, type BenchRow, rowOf, writeResult } from '../support/result.ts';
import { NODE_SERVERS_NOTE } from '../support/server-process.ts';
import type { Contender, Setting } from './contenders.ts';
import type { Phase } from './messages.ts';
import { type Case, holds, MAX_P99_MS, type Turn } from './plan.ts';

/** What a window may add to p99, ms. */
const MAX_OVER_UNBATCHED_MS = 10;
const MAX_OVER_WS_SEND_MS = 5;
/** From here on windows have to pay. */
const HOT_PER_SECOND = 1_000;
const QUIET_PER_SECOND = 20;

export interface PlayedCase {
  readonly case: Case;
  readonly rounds: readonly Turn[];
}

const audienceOf = ({ audience: { rooms, membersPerRoom } }: Case): string =>
  `${rooms.toLocaleString('en')} ${rooms === 1 ? 'room' : 'rooms'} × ${membersPerRoom.toLocaleString('en')}`;

/** The phases of a case that count. */
class Counted {
  readonly #phases: readonly Phase[];

  constructor({ rounds }: PlayedCase) {
    this.#phases = rounds.flatMap(({ phases }) => phases).filter((one) => one.void.length === 0);
  }

  rates(): number[] {
    return [...new Set(this.#phases.map(({ perSecond }) => perSecond))].sort((a, b) => a - b);
  }

  of(contender: Contender, perSecond: number): Phase[] {
    return this.#phases.filter((one) => one.contender === contender && one.perSecond === perSecond);
  }

  /** null where it was not played, or failed. */
  efficiency(contender: Contender, perSecond: number): number | null {
    const phases = this.of(contender, perSecond);
    return phases.length > 0 && isSustained(phases) ? median(phases.map((one) => one.deliveriesPerCpuSecond)) : null;
  }

  /** The same, also where it was too slow, but gave all that it was to give. */
  cost(contender: Contender, perSecond: number): number | null {
    const phases = this.of(contender, perSecond).filter(({ lost }) => lost === 0);
    return phases.length === 0 ? null : median(phases.map((one) => one.deliveriesPerCpuSecond));
  }

  p99(contender: Contender, perSecond: number): number | null {
    const phases = this.of(contender, perSecond);
    return phases.length === 0 ? null : median(phases.map(({ deliveredMs }) => deliveredMs.p99));
  }

  /** At the rate that suits it best, of all that it sustained. */
  best(contender: Contender): number | null {
    const all = this.rates().map((rate) => this.efficiency(contender, rate) ?? 0);
    return all.length === 0 || Math.max(...all) === 0 ? null : Math.max(...all);
  }
}

const turnsOf = ({ rounds }: PlayedCase, side: Contender): number =>
  rounds.filter(({ contender }) => contender === side).length;

/** More often than not. */
function isSustained(phases: readonly Phase[]): boolean {
  return phases.filter(holds).length * 2 > phases.length;
}

export function rowsOf(played: PlayedCase): BenchRow[] {
  const counted = new Counted(played);
  const rows: BenchRow[] = [];
  for (const perSecond of counted.rates()) {
    const name = `${audienceOf(played.case)}, ${perSecond.toLocaleString('en')} events/s`;
    for (const side of played.case.contenders) {
      const phases = counted.of(side, perSecond);
      if (phases.length === 0) continue;
      const row = (metric: string, unit: string, pick: (one: Phase) => number): BenchRow =>
        rowOf({ case: name, side, metric, unit }, phases.map(pick));
      rows.push(row('deliveries per CPU-second', '1/s', (one) => one.deliveriesPerCpuSecond));
      rows.push(row('held the rate', '', (one) => (holds(one) ? 1 : 0)));
      // What is written too late has no figure.
      if (!isSustained(phases)) continue;
      rows.push(row('p50', 'ms', ({ deliveredMs }) => deliveredMs.p50));
      rows.push(row('p99', 'ms', ({ deliveredMs }) => deliveredMs.p99));
    }
  }
  for (const side of played.case.contenders) {
    const highest = played.rounds.flatMap((one) =>
      one.contender === side && one.highest !== null ? [one.highest] : [],
    );
    if (highest.length === 0 || side === 'roomlog-unbatched') continue;
    const about = { case: `${audienceOf(played.case)}, highest rate that holds`, side };
    rows.push(rowOf({ ...about, metric: 'events', unit: '1/s' }, highest));
  }
  return rows;
}

export function hotGoals(played: PlayedCase): BenchGoal[] {
  const counted = new Counted(played);
  const goals: BenchGoal[] = [];
  const socketIo = counted.best('socket.io');
  for (const perSecond of counted.rates()) {
    // A goal is not left out because it was missed; but a rung above the highest that holds is no rate to be good at, nor is one that was hardly played.
    const isRung = played.case.ladder !== null && played.case.rates.every((pace) => pace.perSecond !== perSecond);
    if (isRung && counted.of('roomlog', perSecond).length < turnsOf(played, 'roomlog')) continue;
    const ours = isRung ? counted.efficiency('roomlog', perSecond) : counted.cost('roomlog', perSecond);
    if (ours === null) continue;
    const at = `at ${perSecond.toLocaleString('en')} events/s`;
    if (perSecond >= HOT_PER_SECOND) {
      if (socketIo !== null) {
        const what = `deliveries per CPU-second ${at}, to Socket.IO's at the rate that suits it best`;
        goals.push({ figure: 'P1', what, value: round(ours / socketIo), unit: '×', atLeast: 10 });
      }
      const native = counted.efficiency('native', perSecond);
      if (native !== null) {
        const what = `deliveries per CPU-second ${at}, to the native floor's`;
        goals.push({ figure: 'P1', what, value: round(ours / native), unit: '×', atLeast: 0.7 });
      }
    }
    const wsSend = counted.efficiency('ws-send', perSecond);
    if (perSecond === QUIET_PER_SECOND && wsSend !== null) {
      const what = `deliveries per CPU-second ${at}, to ws.send's`;
      goals.push({ figure: 'P1', what, value: round(ours / wsSend), unit: '×', atLeast: 1 });
    }
    const p99 = counted.p99('roomlog', perSecond);
    const unbatched = counted.p99('roomlog-unbatched', perSecond);
    if (p99 === null || unbatched === null) continue;
    goals.push({ figure: 'P1', what: `p99 ${at}`, value: p99, unit: 'ms', atMost: MAX_P99_MS });
    const what = `p99 ${at}, over the unbatched one`;
    goals.push({ figure: 'P1', what, value: round(p99 - unbatched), unit: 'ms', atMost: MAX_OVER_UNBATCHED_MS });
  }
  return goals;
}

export function spreadGoals(played: PlayedCase): BenchGoal[] {
  const counted = new Counted(played);
  const goals: BenchGoal[] = [];
  for (const perSecond of counted.rates()) {
    const at = audienceOf(played.case);
    const [ours, socketIo] = [counted.cost('roomlog', perSecond), counted.cost('socket.io', perSecond)];
    if (ours !== null && socketIo !== null) {
      const what = `deliveries per CPU-second, ${at}, to Socket.IO's`;
      goals.push({ figure: 'P2', what, value: round(ours / socketIo), unit: '×', atLeast: 1.5 });
    }
    const [p99, wsSend] = [counted.p99('roomlog', perSecond), counted.p99('ws-send', perSecond)];
    if (p99 === null || wsSend === null) continue;
    const failed = (['roomlog', 'ws-send'] as const).filter((side) => !isSustained(counted.of(side, perSecond)));
    const doubt = failed.length === 0 ? '' : `; the rate was not held by ${failed.join(' and ')}`;
    const what = `p99, ${at}, over ws.send's${doubt}`;
    goals.push({ figure: 'P2', what, value: round(p99 - wsSend), unit: 'ms', atMost: MAX_OVER_WS_SEND_MS });
  }
  return goals;
}

const NOTES = [
  NODE_SERVERS_NOTE,
  'A producer writes outbound in the sequencer’s place; latency is from the moment an event should have been sent there. One core each for the server, for Kafka with the producer, and for each of two processes of clients.',
  'Per CPU-second counts user and system time of the whole server process, its reader of the topic included, from the first measured event until the last has arrived or is late. Before it, some of the same load is played, in which V8 compiles: 3 s in small rooms.',
  'socket.io: io.to(room).emit, WebSocket transport alone, no compression. ws-send: ws.send(buffer) to each member, no compression. Both read the topic by Roomlog’s own reader and codec.',
  'native: Go, franz-go, GOMAXPROCS of one pinned core; events framed once into one buffer per flush window (20 ms, as long as Roomlog’s in a room of 1,000 members), one write system call per member and window on the raw descriptor. It proves no order, knows no users, and has no policy for slow clients.',
  'node-floor: the least that Node can do, of use to nobody: Roomlog’s reader, a fetch every 20 ms; no record is parsed, its bytes go out behind a number, a fetch’s in one buffer for each room, past Node’s streams.',
  'nats: nats-server embedded in a Go program, WebSocket listener without TLS and compression, defaults otherwise, no JetStream; a bridge in its process reads the topic with franz-go and publishes each event under its room’s name over an in-process connection.',
  'roomlog-unbatched: gateway.flushWindowMaxMs 0; what one fetch brought is written together all the same.',
];

function version(name: string): string {
  const { version: found } = JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'));
  return found as string;
}

export interface Report {
  readonly command: string;
  readonly played: readonly PlayedCase[];
  readonly setting: Setting;
  readonly settings: Readonly<Record<string, unknown>>;
}

export function report(name: string, { command, played, setting, settings }: Report): void {
  const phases = played.flatMap(({ rounds }) => rounds.flatMap((one) => one.phases));
  const valid = phases.filter((one) => one.void.length === 0).length;
  writeResult(name, {
    bench: 'fan-out',
    figure: [...new Set(played.map((one) => one.case.figure))].join(', '),
    command,
    versions: { 'socket.io': version('socket.io'), ws: version('ws'), ...setting.native?.versions },
    settings,
    rounds: valid,
    voidRounds: phases.length - valid,
    rows: played.flatMap(rowsOf),
    goals: played.flatMap((one) => (one.case.figure === 'P1' ? hotGoals(one) : spreadGoals(one))),
    notes: NOTES,
    detail: played.flatMap(({ rounds }) => rounds),
  });
}
