/** Runs one VU's share of the clients. Ends when all of them are done, or at the schedule's deadline. */
import exec from 'k6/execution';
import { Member, type MemberRoom } from './member.ts';
import type { Target } from './options.ts';
import type { Pace } from './pace.ts';
import type { Plan } from './plan.ts';
import { RoomPublisher } from './room-publisher.ts';
import { RoomReader } from './room-reader.ts';
import type { Schedule } from './schedule.ts';
import { flush, flushAll, newTally } from './tally.ts';
import { tokenOf } from './token.ts';

export interface Load {
  readonly plan: Plan;
  readonly target: Target;
  readonly vus: number;
  readonly batch: boolean;
  readonly sample: number;
  /** Bytes of an event's `data`. */
  readonly bytes: number;
  readonly pace: Pace;
  /** Clients stay to the end of the load, also without events to wait for. */
  readonly stay: boolean;
  /** Clients that go away and come back; null: all stay. */
  readonly absences: Absences | null;
}

export interface Absences {
  /** When the client goes away the next time, ms since the epoch; null: no more. */
  nextMs(client: number, schedule: Schedule, nowMs: number): number | null;
  /** For how long, ms. */
  lengthMs(): number;
}

const FLUSH_MS = 500;

export function runClients(load: Load, schedule: Schedule): void {
  const { plan, vus } = load;
  const tally = newTally();
  const members = new Set<Member>();
  const timers: ReturnType<typeof setTimeout>[] = [];
  const flushing = setInterval(() => flush(tally), FLUSH_MS);
  const at = (whenMs: number, what: () => void): void => {
    timers.push(setTimeout(what, Math.max(0, whenMs - Date.now())));
  };
  const finish = (): void => {
    for (const timer of timers) clearTimeout(timer);
    clearInterval(flushing);
    flushAll(tally);
  };

  const leaveNowAndThen = (absences: Absences, member: Member, number: number, fromMs = schedule.loadFromMs): void => {
    const whenMs = absences.nextMs(number, schedule, fromMs);
    if (whenMs === null || whenMs >= schedule.loadToMs) return;
    at(whenMs, () => {
      if (!members.has(member)) return;
      const lengthMs = absences.lengthMs();
      member.leaveFor(lengthMs);
      leaveNowAndThen(absences, member, number, Date.now() + lengthMs);
    });
  };

  for (let client = exec.vu.idInTest - 1; client < plan.clients; client += vus) {
    const number = client;
    const member = new Member({
      number,
      url: load.target.urls[number % load.target.urls.length] ?? '',
      token: () => tokenOf(load.target, number, Date.now()),
      rooms: roomsOf(load, schedule, number, tally),
      tally,
      batch: load.batch,
      sample: load.sample,
      stayUntilMs: load.stay ? schedule.loadToMs : null,
      done: () => {
        members.delete(member);
        if (members.size === 0) finish();
      },
    });
    members.add(member);
    const rampMs = schedule.connectToMs - schedule.connectFromMs;
    at(schedule.connectFromMs + (rampMs * number) / plan.clients, () => member.start());
    const { absences } = load;
    if (absences !== null) leaveNowAndThen(absences, member, number);
  }
  at(schedule.deadlineMs, () => {
    for (const member of [...members]) member.giveUp();
  });
  if (members.size === 0) finish();
}

function roomsOf(load: Load, schedule: Schedule, client: number, tally: ReturnType<typeof newTally>): MemberRoom[] {
  const { plan, target, pace } = load;
  const { run } = schedule;
  const reads = plan.reads(client);
  const publishes = plan.publishes(client);
  return [...new Set([...reads, ...publishes])].map((room) => {
    const name = `${target.prefix}/${run}/${room}`;
    const ends = plan.ends(client, room);
    return {
      name,
      reader: reads.includes(room) ? new RoomReader({ run, ends: plan.endsOf(room), counts: tally }) : null,
      publisher: !publishes.includes(room)
        ? null
        : (events) =>
            new RoomPublisher(
              {
                room: name,
                run,
                from: client,
                bytes: load.bytes,
                firstDueMs: pace.firstDueMs(schedule),
                untilMs: pace.untilMs(schedule),
                gapMs: pace.gapMs,
                limit: pace.limit,
                endMs: ends ? pace.endMs(schedule) : null,
              },
              events,
            ),
    };
  });
}
