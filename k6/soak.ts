/**
 * Hours of chat with clients that come and go. Lost connections are allowed, as of a rolling update: what is checked is that
 * nobody misses anything or gets it twice.
 *
 *   ROOMLOG_AUTH_SECRET=… k6 run -e ROOMLOG_URL=wss://example.com/v1/ws k6/soak.ts
 *
 * Options and metrics: k6/README.md.
 */
import { COMMON, PUBLISHING, phasesOf, vusOf } from './lib/defaults.ts';
import { chatLoad, roomsForChat } from './lib/loads.ts';
import { readOptions } from './lib/options.ts';
import { exponential } from './lib/pace.ts';
import { type Absences, runClients } from './lib/run.ts';
import type { Schedule } from './lib/schedule.ts';
import { begin, k6Options, latencies, promises, recovery } from './lib/script.ts';

const { target, load } = readOptions(
  __ENV,
  'soak',
  {
    ...COMMON,
    ...PUBLISHING,
    LOAD_CLIENTS: '100',
    LOAD_ROOMS: '30',
    LOAD_ROOMS_PER_CLIENT: '3',
    LOAD_RATE: '20',
    LOAD_DURATION: '1h',
    LOAD_SAMPLE: '10',
    LOAD_AWAY: '5s',
    LOAD_RECONNECT_EVERY: '5m',
    LOAD_RECOVERY_P95_MS: '5000',
  },
  (values) => [roomsForChat(values)],
);
const phases = phasesOf(load);
const vus = vusOf(load);
const absences: Absences = {
  nextMs: (_client, _schedule, nowMs) => nowMs + exponential(load.LOAD_RECONNECT_EVERY),
  lengthMs: () => Math.random() * 2 * load.LOAD_AWAY,
};

export const options = k6Options('soak', vus, phases, promises(load.LOAD_CLIENTS), latencies(load), recovery(load));

export const setup = (): Schedule => begin(phases, target, load.LOAD_CLIENTS);

export default function soak(schedule: Schedule): void {
  runClients(chatLoad(load, { target, vus, absences }), schedule);
}
