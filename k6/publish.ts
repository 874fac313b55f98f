/**
 * Many publish, one reads each room and checks that all of it arrives.
 *
 *   ROOMLOG_AUTH_SECRET=… k6 run -e ROOMLOG_URL=wss://example.com/v1/ws k6/publish.ts
 *
 * Options and metrics: k6/README.md.
 */
import { COMMON, PUBLISHING, phasesOf, roomsFor, vusOf } from './lib/defaults.ts';
import { oneReaderLoad } from './lib/loads.ts';
import { readOptions } from './lib/options.ts';
import { runClients } from './lib/run.ts';
import type { Schedule } from './lib/schedule.ts';
import { begin, k6Options, latencies, promises, UNINTERRUPTED } from './lib/script.ts';

const { target, load } = readOptions(
  __ENV,
  'publish',
  { ...COMMON, ...PUBLISHING, LOAD_CLIENTS: '100', LOAD_ROOMS: '20', LOAD_RATE: '500', LOAD_DURATION: '30s' },
  (values) => [roomsFor(values)],
);
const phases = phasesOf(load);
const vus = vusOf(load);

export const options = k6Options('publish', vus, phases, promises(load.LOAD_CLIENTS), latencies(load), UNINTERRUPTED);

export const setup = (): Schedule => begin(phases, target, load.LOAD_CLIENTS);

export default function publish(schedule: Schedule): void {
  runClients(oneReaderLoad(load, { target, vus }), schedule);
}
