/** What all scripts have in common: k6's options, and thresholds that fail a run which lost, doubled or disordered anything. */
import type { Options as K6Options } from 'k6/options';
import type { Target } from './options.ts';
import { longestMs, makeSchedule, type Phases, type Schedule } from './schedule.ts';

type Thresholds = Record<string, string[]>;

/** Every client has to get all that it was promised, once and in order, and to come to its end. */
export function promises(clients: number): Thresholds {
  return {
    roomlog_lost: ['count==0'],
    roomlog_gaps: ['count==0'],
    roomlog_duplicates: ['count==0'],
    roomlog_disorder: ['count==0'],
    roomlog_errors: ['count==0'],
    roomlog_clients_done: [`count==${clients}`],
  };
}

/** Of scripts that publish. */
export function latencies(load: { LOAD_P95_MS: number; LOAD_P99_MS: number }): Thresholds {
  return {
    roomlog_delivered: ['count>0'],
    roomlog_acked: ['count>0'],
    roomlog_delivery_ms: [`p(95)<${load.LOAD_P95_MS}`, `p(99)<${load.LOAD_P99_MS}`],
  };
}

/** Of scripts whose clients come back. */
export function recovery(load: { LOAD_RECOVERY_P95_MS: number }): Thresholds {
  return { roomlog_recovered: ['rate==1'], roomlog_recovery_ms: [`p(95)<${load.LOAD_RECOVERY_P95_MS}`] };
}

export function connecting(load: { LOAD_CONNECT_P95_MS: number }): Thresholds {
  return { roomlog_connect_ms: [`p(95)<${load.LOAD_CONNECT_P95_MS}`] };
}

/** For scripts whose clients stay connected. */
export const UNINTERRUPTED: Thresholds = { roomlog_disconnects: ['count==0'] };

const SLACK_MS = 15_000;

export function k6Options(name: string, vus: number, phases: Phases, ...thresholds: readonly Thresholds[]): K6Options {
  const maxDuration = `${Math.ceil((longestMs(phases) + SLACK_MS) / 1000)}s`;
  return {
    scenarios: {
      [name.replaceAll('-', '_')]: {
        executor: 'per-vu-iterations',
        vus,
        iterations: 1,
        maxDuration,
        gracefulStop: '5s',
      },
    },
    thresholds: Object.assign({}, ...thresholds) as Thresholds,
    summaryTrendStats: ['avg', 'min', 'med', 'p(95)', 'p(99)', 'max'],
    setupTimeout: '10s',
  };
}

/** Gateways allow one user no more by default (`gateway.maxConnectionsPerUser`). */
const CONNECTIONS_OF_ONE_USER = 1_000;

/** For `setup`. */
export function begin(phases: Phases, target: Target, clients: number): Schedule {
  if (target.token !== '' && clients > CONNECTIONS_OF_ONE_USER) {
    console.warn(
      `ROOMLOG_TOKEN makes all ${clients} clients one user, whom gateways allow ${CONNECTIONS_OF_ONE_USER} connections by default: set ROOMLOG_AUTH_SECRET instead`,
    );
  }
  return makeSchedule(phases, Date.now());
}
