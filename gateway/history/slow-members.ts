/** The members whose socket could not keep up: how many there are, and what became of them, by their rooms' policy. */
import type { Counter, Metrics } from '../../adapters/telemetry/metrics.ts';
import { SLOW_POLICIES, type SlowPolicy } from '../../core/limits/slow-clients.ts';
import type { Member } from '../rooms/rooms.ts';

/** `policy`: its room's. `stuck`: it took nothing for as long as its room bears. */
type CloseReason = 'policy' | 'stuck';

export class SlowMembers {
  /** Members that left the live path and are neither back nor gone. */
  readonly #behind = new Map<SlowPolicy, number>(SLOW_POLICIES.map((policy) => [policy, 0]));
  readonly #left: ReadonlyMap<SlowPolicy, Counter>;
  readonly #back: ReadonlyMap<SlowPolicy, Counter>;
  readonly #closed: Counter;
  readonly #skipped: Counter;

  constructor(metrics: Metrics) {
    const left = metrics.counter('roomlog_slow_clients_total', 'Members that left the live path, by policy.');
    const back = metrics.counter('roomlog_slow_clients_back_total', 'Slow members that came back, by policy.');
    this.#left = new Map(SLOW_POLICIES.map((policy) => [policy, left.with({ policy })]));
    this.#back = new Map(SLOW_POLICIES.map((policy) => [policy, back.with({ policy })]));
    this.#closed = metrics.counter('roomlog_slow_clients_closed_total', 'Slow members closed with 1013, by why.');
    this.#skipped = metrics.counter('roomlog_slow_clients_skipped_total', 'Events left out for members that skip.');
    metrics.gauge('roomlog_slow_clients', 'Members off the live path because they are slow, by policy.', () =>
      [...this.#behind].map(([policy, members]) => [members, { policy }] as const),
    );
  }

  fellBehind(member: Member): void {
    const { policy } = member.room.slow;
    if (!member.fellBehind) this.#count(policy, 1);
    member.fellBehind = true;
    this.#left.get(policy)?.add();
  }

  cameBack(member: Member): void {
    if (member.fellBehind) this.#back.get(member.room.slow.policy)?.add();
    this.ended(member);
  }

  /** It is behind no more: back, closed or gone. Idempotent. */
  ended(member: Member): void {
    if (!member.fellBehind) return;
    member.fellBehind = false;
    this.#count(member.room.slow.policy, -1);
  }

  closed(member: Member, why: CloseReason): void {
    this.#closed.add(1, { why, policy: member.room.slow.policy });
  }

  skipped(events: number): void {
    this.#skipped.add(events);
  }

  #count(policy: SlowPolicy, by: number): void {
    this.#behind.set(policy, (this.#behind.get(policy) ?? 0) + by);
  }
}
