/** What a run is made of, drawn from its seed before it begins. Each fault is left out of half the runs, so that others are met alone. */
import type { Config } from '../../core/config/schema.ts';
import { SLOW_POLICIES } from '../../core/limits/slow-clients.ts';
import type { AnchorsOptions } from '../../gateway/history/anchors.ts';
import type { Weather } from './brokers.ts';
import type { Random } from './random.ts';

export const FAULTS = [
  'append-faults',
  'sequencer-killed',
  'sequencer-stopped',
  'sequencer-paused',
  'sequencer-cut-off',
  'rebalance',
  'evicted',
  'gateway-killed',
  'gateway-drained',
  'gateway-paused',
  'gateway-cut-off',
  'kafka-away',
  'connection-reset',
  'connection-silent',
  'client-paused',
  'client-restarted',
  'slow-tail',
  'clock-skew',
  'broker-clock-jumps',
  'snapshots-spoiled',
  'inbound-retention',
  'outbound-retention',
] as const;

export type Fault = (typeof FAULTS)[number];

export interface Plan {
  readonly partitions: number;
  readonly sequencers: number;
  readonly gateways: number;
  readonly clients: number;
  /** Pairs of tabs that share a session. */
  readonly tabs: number;
  /** Kafka producers that use idempotency keys. */
  readonly services: number;
  readonly rooms: readonly string[];
  readonly publishesPerClient: number;
  /** How long faults are made, ms. */
  readonly faultyMs: number;
  /** Between two faults, at most, ms. */
  readonly faultEveryMs: number;
  readonly faults: ReadonlySet<Fault>;
  readonly weather: Weather;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly batchBytes: number;
  readonly fetchBytes: number;
  readonly claimEveryBytes: number;
  readonly claimEveryMs: number;
  readonly snapshotEveryRecords: number;
  readonly snapshotEveryMs: number;
  /** Of the two versions of the decision; the same where there is one. */
  readonly sessionMaxAgeMs: readonly [number, number];
  readonly gateway: Partial<Config['gateway']>;
  readonly anchors: AnchorsOptions;
  /** Looks at the clock cost up to so many ms: a slow machine. */
  readonly lookCostMs: number;
  /** How far gateways take their event loop to be behind, 0 to 1: at 1 every flush window is held. */
  readonly flushPressure: number;
}

const DAY_MS = 86_400_000;
/** Sessions of the stricter version are unknown so soon, ms. */
const STRICT_AGE_MS = 1_500;

export interface PlanWish {
  /** Two versions of the decision, as in a rolling upgrade. */
  readonly versions: 1 | 2;
}

export function drawPlan(random: Random, { versions }: PlanWish): Plan {
  const partitions = random.chance(0.6) ? 1 : 2;
  const slowClients = random.chance(0.3);
  const faults = new Set(FAULTS.filter(() => random.chance(0.5)));
  // A gateway that is 10 minutes off mints sessions that the stricter version takes for old.
  if (versions === 2) for (const fault of ['clock-skew', 'broker-clock-jumps'] as const) faults.delete(fault);
  // What retention has deleted is in snapshots alone: they have to be whole.
  if (faults.has('outbound-retention')) faults.delete(random.chance(0.5) ? 'snapshots-spoiled' : 'outbound-retention');
  if (faults.has('outbound-retention')) faults.delete('snapshots-spoiled');
  const bad = () => (random.chance(0.5) ? random.between(0, 0.25) : 0);
  const weather: Weather = {
    requestLost: bad(),
    responseLost: bad(),
    late: bad(),
    lateMs: random.pick([50, 500, 2_500]),
    repeated: bad(),
    notAppended: bad(),
  };
  const plan: Omit<Plan, 'flushPressure'> = {
    partitions,
    sequencers: random.whole(1, 3),
    gateways: random.whole(1, 2),
    clients: random.whole(1, 4),
    tabs: random.chance(0.5) ? 1 : 0,
    services: random.chance(0.5) ? 1 : 0,
    rooms: ['a', 'b', 'c', 'd'].slice(0, random.whole(1, 4)),
    publishesPerClient: random.whole(5, 30),
    faultyMs: random.whole(1_500, 6_000),
    faultEveryMs: random.pick([100, 400, 1_200]),
    faults,
    weather,
    sessionTimeoutMs: random.pick([600, 1_200]),
    heartbeatMs: random.pick([50, 150]),
    batchBytes: random.pick([600, 2_000, 262_144]),
    fetchBytes: random.pick([300, 1_500, 262_144]),
    claimEveryBytes: random.pick([2_000, 67_108_864]),
    claimEveryMs: random.pick([1_000, 3_600_000]),
    snapshotEveryRecords: random.pick([4, 30, 200_000]),
    snapshotEveryMs: random.pick([400, 300_000]),
    sessionMaxAgeMs: versions === 2 ? [DAY_MS, STRICT_AGE_MS] : [DAY_MS, DAY_MS],
    gateway: {
      pingIntervalMs: 1_500,
      pongTimeoutMs: 700,
      helloTimeoutMs: 2_000,
      publishTimeoutMs: random.pick([1_500, 4_000]),
      unavailableAfterMs: random.pick([500, 2_000]),
      cursorWaitMs: random.pick([200, 1_500]),
      slowClientBytes: slowClients ? random.pick([800, 3_000]) : 1_048_576,
      slowClientTimeoutMs: random.pick([1_500, 6_000]),
      ringBytes: random.pick([1_000, 8_388_608]),
    },
    anchors: { everyRecords: random.pick([3, 20, 1_000]), max: random.pick([4, 8_192]) },
    lookCostMs: random.chance(0.15) ? random.between(0.02, 1.5) : 0,
  };
  // No draws of their own, which would make other runs of all seeds.
  const policies = SLOW_POLICIES[plan.faultyMs % SLOW_POLICIES.length] ?? 'catch-up';
  const gateway = {
    ...plan.gateway,
    slowClients: [`${policies} a`],
    // So little that publishers' sockets are left unread, and some publishes refused.
    ...(plan.faultyMs % 5 === 0 ? { maxQueuedBytes: 1_500, maxPendingPublishes: 12 } : {}),
  };
  return { ...plan, gateway, flushPressure: plan.publishesPerClient % 2 };
}
