/**
 * Few publish, many read: every event of a room goes to all of its members.
 *
 *   ROOMLOG_AUTH_SECRET=… k6 run -e ROOMLOG_URL=wss://example.com/v1/ws k6/fanout.ts
 *
 * Options and metrics: k6/README.md.
 */
import { COMMON, PUBLISHING, phasesOf, roomsFor, vusOf } from './lib/defaults.ts';
import { onePublisherLoad } from './lib/loads.ts';
import { readOptions } from './lib/options.ts';
import { runClients } from './lib/run.ts';
import type { Schedule } from './lib/schedule.ts';
import { begin, k6Options, latencies, promises, UNINTERRUPTED } from './lib/script.ts';

const { target, load } = readOptions(
  __ENV,
  'fanout',
  { ...COMMON, ...PUBLISHING, LOAD_CLIENTS: '200', LOAD_ROOMS: '1', LOAD_RATE: '20', LOAD_DURATION: '30s' },
  (values) => [roomsFor(values)],
);
const phases = phasesOf(load);
const vus = vusOf(load);

export const options = k6Options('fanout', vus, phases, promises(load.LOAD_CLIENTS), latencies(load), UNINTERRUPTED);

export const setup = (): Schedule => begin(phases, target, load.LOAD_CLIENTS);

export default function fanout(schedule: Schedule): void {
  runClients(onePublisherLoad(load, { target, vus }), schedule);
}
