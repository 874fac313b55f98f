/**
 * All readers lose their connection at once and come back together, each where it was, while publishing goes on.
 *
 *   ROOMLOG_AUTH_SECRET=… k6 run -e ROOMLOG_URL=wss://example.com/v1/ws k6/reconnect-storm.ts
 *
 * Options and metrics: k6/README.md.
 */
import { COMMON, PUBLISHING, phasesOf, roomsFor, vusOf } from './lib/defaults.ts';
import { onePublisherLoad } from './lib/loads.ts';
import { readOptions } from './lib/options.ts';
import { type Absences, runClients } from './lib/run.ts';
import type { Schedule } from './lib/schedule.ts';
import { begin, k6Options, latencies, promises, recovery, UNINTERRUPTED } from './lib/script.ts';

const { target, load } = readOptions(
  __ENV,
  'reconnect-storm',
  {
    ...COMMON,
    ...PUBLISHING,
    LOAD_CLIENTS: '200',
    LOAD_ROOMS: '10',
    LOAD_RATE: '50',
    LOAD_DURATION: '30s',
    LOAD_AWAY: '5s',
    LOAD_SPREAD: '1s',
    LOAD_RECOVERY_P95_MS: '5000',
  },
  (values) => [
    roomsFor(values),
    values.LOAD_ROOMS === values.LOAD_CLIENTS &&
      'LOAD_CLIENTS must be more than LOAD_ROOMS: the first of each room publishes and stays',
    values.LOAD_AWAY + values.LOAD_SPREAD > values.LOAD_DURATION / 2 &&
      'LOAD_AWAY and LOAD_SPREAD together must be at most half of LOAD_DURATION: clients come back while publishing goes on',
  ],
);
const phases = phasesOf(load);
const vus = vusOf(load);
/** After a quarter of the load all readers go, once. */
const storm: Absences = {
  nextMs: (client, { loadFromMs }, nowMs) =>
    client < load.LOAD_ROOMS || nowMs > loadFromMs ? null : loadFromMs + load.LOAD_DURATION / 4,
  lengthMs: () => load.LOAD_AWAY + Math.random() * load.LOAD_SPREAD,
};

export const options = k6Options(
  'reconnect-storm',
  vus,
  phases,
  promises(load.LOAD_CLIENTS),
  latencies(load),
  recovery(load),
  UNINTERRUPTED,
);

export const setup = (): Schedule => begin(phases, target, load.LOAD_CLIENTS);

export default function reconnectStorm(schedule: Schedule): void {
  runClients(onePublisherLoad(load, { target, vus, absences: storm }), schedule);
}
