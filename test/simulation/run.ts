/** One run, from its seed to its verdict. The same seed gives the same run, step by step. */
import { enter, leave } from './globals.ts';
import { judge } from './judge.ts';
import { Nemesis } from './nemesis.ts';
import { drawPlan, type Fault, type Plan, type PlanWish } from './plan.ts';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { Trace } from './trace.ts';
import { World } from './world.ts';

/** Streams of chance; others in world.ts and nemesis.ts. */
const PLAN = 0;
const GLOBALS = 1;
/** Everything has to be well so long after the last fault, ms. */
const RECOVERY_MS = 40_000;
const LOOK_EVERY_MS = 40;

export interface RunOptions extends PlanWish {
  /** Is given every line of the trace. */
  readonly onLine?: (line: string) => void;
}

export interface RunResult {
  readonly seed: number;
  readonly hash: string;
  /** [] for a run in which every promise was kept. */
  readonly anomalies: readonly string[];
  readonly faults: ReadonlyMap<Fault, number>;
  /** What processes logged, and how often. */
  readonly said: ReadonlyMap<string, number>;
  readonly tasks: number;
  /** Virtual. */
  readonly ms: number;
  readonly published: number;
  readonly acked: number;
  readonly delivered: number;
  readonly events: number;
  /** Records of fenced writers and repeats in the log. */
  readonly dropped: number;
}

export async function runSeed(seed: number, { onLine, ...wish }: RunOptions): Promise<RunResult> {
  const plan = drawPlan(new Random(seed, PLAN), wish);
  const trace = new Trace(onLine ?? null);
  const scheduler = new Scheduler(trace);
  if (trace.isRead) onLine?.(describePlan(plan));
  enter(scheduler, new Random(seed, GLOBALS));
  try {
    const world = new World(seed, plan, scheduler);
    const nemesis = new Nemesis(world, seed);
    scheduler.after(0, null, () => {
      world.begin();
      nemesis.begin();
    });
    await scheduler.run(plan.faultyMs);
    let recovered = false;
    if (scheduler.failure === null) {
      world.note('nemesis', 'heals');
      nemesis.heal();
      stopWhenAllIsWell(world);
      recovered = await scheduler.run(plan.faultyMs + RECOVERY_MS);
    }
    const verdict = judge(world, recovered);
    const { published, acked, delivered, events, dropped } = verdict;
    const anomalies = [...failureOf(scheduler), ...haltedIn(world), ...verdict.anomalies];
    if (!recovered && anomalies.length === 0) anomalies.push(...stuckIn(world));
    const { hash } = trace;
    const ms = Math.round(scheduler.now);
    const { tasks } = scheduler;
    const counts = { tasks, ms, published, acked, delivered, events, dropped };
    return { seed, hash, anomalies, faults: nemesis.made, said: world.said, ...counts };
  } finally {
    leave();
  }
}

function headsIn(outbound: World['outbound']): Map<string, number> {
  const heads = new Map<string, number>();
  for (const { room, seq } of outbound.events) heads.set(room, Math.max(heads.get(room) ?? 0, seq));
  return heads;
}

function stopWhenAllIsWell(world: World): void {
  const { outbound } = world;
  let heads: Map<string, number> | null = null;
  const look = () => {
    world.scheduler.after(LOOK_EVERY_MS, null, look);
    const actors = [...world.applications, ...world.tabs, ...world.services];
    if (!actors.every(({ isSettled }) => isSettled)) return;
    if (outbound.read() || heads === null) heads = headsIn(outbound);
    if (!outbound.isAnswered) return;
    const known = heads;
    if (world.applications.every((application) => application.behind(known).length === 0)) world.scheduler.stop();
  };
  look();
}

function failureOf({ failure }: Scheduler): string[] {
  if (failure === null) return [];
  return [`uncaught: ${failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)}`];
}

function haltedIn({ sequencers, gateways }: World): string[] {
  return [...sequencers, ...gateways].flatMap(({ halted }) => halted).map((what) => `halted: ${what}`);
}

function stuckIn(world: World): string[] {
  const { outbound, applications, tabs, services, sequencers, gateways } = world;
  outbound.read();
  const heads = headsIn(outbound);
  const waiting = [
    ...applications.filter(({ isSettled }) => !isSettled).map((one) => `${one.name}: ${one.describe()}`),
    ...tabs.filter(({ isSettled }) => !isSettled).map((one) => `${one.actor.name}: ${one.describe()}`),
    ...services.filter(({ isSettled }) => !isSettled).map(({ actor }) => actor.name),
    ...applications.flatMap((application) => application.behind(heads)),
    ...(outbound.isAnswered ? [] : ['inbound is not answered']),
    ...[...sequencers, ...gateways].map((one) => `${one.actor.name} ${one.describe()}`),
  ];
  return [`stuck: ${RECOVERY_MS} ms after the last fault: ${waiting.join('\n  ')}`];
}

function describePlan(plan: Plan): string {
  return JSON.stringify({ ...plan, faults: [...plan.faults] });
}
