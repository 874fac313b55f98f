/** One gateway: its healthy members alone and beside stalled ones by turns, and then what a minute beside stalled ones does to its memory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../scripts/stack/root.ts';
import { metricOf, readMetrics } from '../../test/faults/metrics.ts';
import type { Setting } from '../fan-out/contenders.ts';
import { end, Session } from '../fan-out/session.ts';
import { memoryOf } from '../support/inspector.ts';
import { pin } from '../support/pin.ts';
import type { Pair, Round, Watched } from './result.ts';

/** Of a gateway that has just started: what it does most is compiled, and its young generation has grown, before anything is compared. */
const FIRST_WARM_UP_SECONDS = 12;
/** Before each phase that is compared, with stalled ones and without. */
const WARM_UP_SECONDS = 6;
/** Of the limit, until all of a room's stalled members are surely above it. */
const FILL_FACTOR = 1.2;
const FILL_SLACK_SECONDS = 5;
/** What a frame has beside the payload, about. */
const FRAME_BYTES = 250;
const RSS_EVERY_MS = 250;
const COURSE_STEP = 20;
/** Until the gateway has noticed that the stalled ones are gone. */
const GONE_WITHIN_MS = 30_000;
const GONE_POLL_MS = 100;

export interface RoundPlan {
  readonly rooms: number;
  readonly membersPerRoom: number;
  readonly perSecond: number;
  readonly payloadBytes: number;
  /** Of unsent bytes, from which a member leaves the live path. */
  readonly limitBytes: number;
  /** Of a stalled client's socket. */
  readonly socket: { readonly receiveBytes: number; readonly maxSegmentBytes: number };
  /** Of each phase whose latency is compared. */
  readonly phaseSeconds: number;
  /** Of the phase over which memory is compared. */
  readonly memorySeconds: number;
  readonly pairs: number;
}

/** @param events the process of fan-out/events.ts */
export async function playRound(plan: RoundPlan, setting: Setting, events: ChildProcess): Promise<Round> {
  const session = await Session.open('roomlog', plan, setting, events);
  let stalled: ChildProcess | null = null;
  try {
    const pairs: Pair[] = [];
    while (pairs.length < plan.pairs) {
      const warmUpSeconds = pairs.length === 0 ? FIRST_WARM_UP_SECONDS : WARM_UP_SECONDS;
      const alone = await watch(plan, session, warmUpSeconds, plan.phaseSeconds);
      stalled = await startStalled(plan, setting);
      const falling = await watch(plan, session, 0, fillSeconds(plan));
      const behind = await slowMembers(setting);
      const beside = await watch(plan, session, WARM_UP_SECONDS, plan.phaseSeconds);
      const reasons = [...alone.phase.void, ...beside.phase.void];
      if (behind !== plan.rooms * plan.membersPerRoom) reasons.push(`only ${behind} had left the live path`);
      pairs.push({ alone, falling, beside, void: reasons });
      if (pairs.length === plan.pairs) break;
      await end(stalled);
      stalled = null;
      await allGone(setting);
    }
    // A forced collection leaves V8 with a small young generation: latency is not looked at any more from here on.
    const memoryNow = () => memoryOf(session.serverPid, setting.inspectPort ?? 0);
    const begin = await memoryNow();
    await watch(plan, session, 0, plan.memorySeconds);
    return { pairs, memory: { begin, end: await memoryNow() } };
  } finally {
    if (stalled !== null) await end(stalled);
    await session.close();
  }
}

const fillSeconds = ({ perSecond, rooms, payloadBytes, limitBytes }: RoundPlan): number =>
  Math.ceil((FILL_FACTOR * limitBytes) / ((perSecond / rooms) * (payloadBytes + FRAME_BYTES))) + FILL_SLACK_SECONDS;

async function watch(
  { perSecond }: RoundPlan,
  session: Session,
  warmUpSeconds: number,
  seconds: number,
): Promise<Watched> {
  const rss = [rssMb(session.serverPid)];
  const timer = setInterval(() => rss.push(rssMb(session.serverPid)), RSS_EVERY_MS);
  try {
    const phase = await session.play({ perSecond, warmUpSeconds, seconds });
    const course = rss.filter((_, at) => at % COURSE_STEP === 0).map(Math.round);
    return { phase, rss: { highest: Math.round(Math.max(...rss)), course } };
  } finally {
    clearInterval(timer);
  }
}

const rssMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** All live, and not read any more, when it resolves. */
async function startStalled(plan: RoundPlan, { token, cores, port }: Setting): Promise<ChildProcess> {
  const { rooms, membersPerRoom, socket } = plan;
  const args = [port, token, rooms, membersPerRoom, socket.receiveBytes, socket.maxSegmentBytes].map(String);
  const child = spawn('python3', [join(ROOT, 'bench/slow-clients/stalled.py'), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  pin(child.pid as number, cores?.clients.at(-1));
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`stalled.py ended with ${code}`)));
  failed.catch(() => {});
  await Promise.race([once(child.stdout, 'data'), failed]);
  return child;
}

async function slowMembers({ port }: Setting): Promise<number> {
  return metricOf(await readMetrics(`http://127.0.0.1:${port + 1}`), 'roomlog_slow_clients', {});
}

async function allGone(setting: Setting): Promise<void> {
  const deadline = performance.now() + GONE_WITHIN_MS;
  while ((await slowMembers(setting)) > 0) {
    if (performance.now() > deadline) throw new Error('the gateway still has stalled members');
    await sleep(GONE_POLL_MS);
  }
}
