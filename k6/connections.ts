/**
 * How many connections does it hold? Ramps up to N clients that say hello, join a room if asked to, and stay; at the end each has to
 * answer for itself: a ping gets its pong.
 *
 *   ROOMLOG_AUTH_SECRET=… k6 run -e ROOMLOG_URL=wss://example.com/v1/ws k6/connections.ts
 *
 * Options and metrics: k6/README.md.
 */
import { COMMON, phasesOf, vusOf } from './lib/defaults.ts';
import { readOptions } from './lib/options.ts';
import { burst } from './lib/pace.ts';
import { silent } from './lib/plan.ts';
import { runClients } from './lib/run.ts';
import type { Schedule } from './lib/schedule.ts';
import { begin, connecting, k6Options, promises, UNINTERRUPTED } from './lib/script.ts';

const { target, load } = readOptions(
  __ENV,
  'connections',
  {
    ...COMMON,
    LOAD_CLIENTS: '1000',
    LOAD_ROOMS: '0',
    LOAD_RAMP: '20s',
    LOAD_DURATION: '1m',
    LOAD_CONNECT_P95_MS: '2000',
  },
  (values) => [
    values.LOAD_ROOMS > values.LOAD_CLIENTS &&
      `LOAD_ROOMS is ${values.LOAD_ROOMS}; allowed: 0 to the number of clients, ${values.LOAD_CLIENTS}`,
  ],
);
const phases = phasesOf(load);
const vus = vusOf(load);

export const options = k6Options(
  'connections',
  vus,
  phases,
  promises(load.LOAD_CLIENTS),
  connecting(load),
  UNINTERRUPTED,
);

export const setup = (): Schedule => begin(phases, target, load.LOAD_CLIENTS);

export default function connections(schedule: Schedule): void {
  runClients(
    {
      plan: silent(load.LOAD_CLIENTS, load.LOAD_ROOMS),
      target,
      vus,
      batch: load.LOAD_BATCH === 1,
      sample: 1,
      bytes: 0,
      pace: burst(0),
      stay: true,
      absences: null,
    },
    schedule,
  );
}
