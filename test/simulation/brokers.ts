/**
 * The brokers of a run: the memory adapter's cluster, and what may go wrong on the way to it. The weather says how appends
 * fare; it is fine until the run's faults make it bad.
 */

import type { MemoryGroup } from '../../adapters/memory/memory-group.ts';
import { MemoryCluster } from '../../adapters/memory/memory-log.ts';
import type { Topics } from '../../core/names.ts';
import { START_MS } from './globals.ts';
import type { Random } from './random.ts';
import type { Actor, Scheduler } from './scheduler.ts';

/** How likely each is, per append. What is left arrives and is answered. */
export interface Weather {
  /** Never arrives; the writer learns nothing. */
  readonly requestLost: number;
  /** Arrives; the writer learns nothing. */
  readonly responseLost: number;
  /** Arrives after `lateMs` at most, long after the writer gave up on it. */
  readonly late: number;
  readonly lateMs: number;
  /** Arrives, and a copy of it later. */
  readonly repeated: number;
  /** Refused for now, surely not in the log. */
  readonly notAppended: number;
}

export const FINE: Weather = { requestLost: 0, responseLost: 0, late: 0, lateMs: 0, repeated: 0, notAppended: 0 };

/** How often sessions of the group are looked at, ms. */
const SESSIONS_EVERY_MS = 50;

export class Brokers {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly cluster: MemoryCluster;
  readonly topics: Topics;
  weather: Weather = FINE;
  /** How far the brokers' clocks are off, ms. May jump, as when another broker leads. */
  skewMs = 0;
  /** Extra delay of what is fetched, by actor: a slow tail. */
  readonly fetchDelayMs = new Map<Actor, number>();
  readonly #cut = new Set<Actor>();
  readonly #restored: Array<() => void> = [];
  readonly #sessions = new Map<string, { lastSeenAt: number; readonly timeoutMs: number }>();
  readonly group: MemoryGroup;
  #joins = 0;

  constructor(scheduler: Scheduler, random: Random, topics: Topics, partitions: number, groupId: string) {
    this.scheduler = scheduler;
    this.random = random;
    this.topics = topics;
    this.cluster = new MemoryCluster({
      partitions,
      topics: [topics.inbound, topics.outbound, topics.deadletter, topics.snapshots],
      maxRecordBytes: 2 * 1_048_576,
      clock: {
        now: () => Math.floor(START_MS + scheduler.now + this.skewMs),
        monotonic: () => scheduler.now,
      },
      defer: (run) => void scheduler.after(0.02, null, run),
    });
    this.group = this.cluster.group(groupId, topics.inbound);
    this.#watchSessions();
  }

  /** One way over the network, ms. Mostly quick. */
  latencyMs(): number {
    const { random } = this;
    const draw = random.next();
    if (draw < 0.9) return 0.2 + draw * 2;
    return draw < 0.99 ? random.between(2, 15) : random.between(15, 120);
  }

  /** Neither requests nor answers of this actor travel while it is cut off. */
  cut(actor: Actor): void {
    this.#cut.add(actor);
  }

  restore(actor: Actor): void {
    if (!this.#cut.delete(actor)) return;
    for (const wake of this.#restored.splice(0)) wake();
  }

  isCut(actor: Actor): boolean {
    return this.#cut.has(actor);
  }

  /** Calls once the actor's way is open: now, or when it is restored. */
  whenOpen(actor: Actor, run: () => void): void {
    if (!this.#cut.has(actor)) run();
    else this.#restored.push(() => this.whenOpen(actor, run));
  }

  get available(): boolean {
    return !this.cluster.unreachable;
  }

  set available(value: boolean) {
    this.cluster.unreachable = !value;
    // Nobody could say that he lives meanwhile.
    if (value) for (const session of this.#sessions.values()) session.lastSeenAt = this.scheduler.now;
  }

  newMemberId(actor: Actor): string {
    this.#joins++;
    return `${actor.name}.${this.#joins}`;
  }

  /** A member has joined, or said that it lives. */
  seen(memberId: string, timeoutMs: number): void {
    this.#sessions.set(memberId, { lastSeenAt: this.scheduler.now, timeoutMs });
  }

  forget(memberId: string): void {
    this.#sessions.delete(memberId);
  }

  isMember(memberId: string): boolean {
    return this.group.member(memberId) !== undefined;
  }

  /** Takes a member's partitions although it lives. */
  evict(memberId: string): void {
    if (!this.available) return;
    this.#sessions.delete(memberId);
    this.group.evict(memberId, { tell: false });
  }

  #watchSessions(): void {
    this.scheduler.after(SESSIONS_EVERY_MS, null, () => {
      if (this.available) {
        for (const [memberId, { lastSeenAt, timeoutMs }] of [...this.#sessions]) {
          if (this.scheduler.now - lastSeenAt <= timeoutMs) continue;
          this.scheduler.trace.note(this.scheduler.now, 'brokers', `session of ${memberId} timed out`);
          this.evict(memberId);
        }
      }
      this.#watchSessions();
    });
  }
}
