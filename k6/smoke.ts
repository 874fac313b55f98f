/**
 * Does this installation carry events? A few clients connect, join, publish, and read what all of them published.
 *
 *   ROOMLOG_AUTH_SECRET=… k6 run -e ROOMLOG_URL=wss://example.com/v1/ws k6/smoke.ts
 *
 * Options and metrics: k6/README.md.
 */
import { COMMON, PUBLISHING, phasesOf, roomsFor, vusOf } from './lib/defaults.ts';
import { readOptions } from './lib/options.ts';
import { burst } from './lib/pace.ts';
import { everybodyInOneRoom } from './lib/plan.ts';
import { runClients } from './lib/run.ts';
import type { Schedule } from './lib/schedule.ts';
import { begin, k6Options, latencies, promises, UNINTERRUPTED } from './lib/script.ts';

const { target, load } = readOptions(
  __ENV,
  'smoke',
  {
    ...COMMON,
    ...PUBLISHING,
    LOAD_CLIENTS: '5',
    LOAD_ROOMS: '1',
    LOAD_EVENTS: '20',
    LOAD_RAMP: '500ms',
    LOAD_P95_MS: '1000',
    LOAD_P99_MS: '2000',
  },
  (values) => [roomsFor(values)],
);
const phases = phasesOf({ ...load, LOAD_DURATION: 0 });
const vus = vusOf(load);

export const options = k6Options('smoke', vus, phases, promises(load.LOAD_CLIENTS), latencies(load), UNINTERRUPTED);

export const setup = (): Schedule => begin(phases, target, load.LOAD_CLIENTS);

export default function smoke(schedule: Schedule): void {
  runClients(
    {
      plan: everybodyInOneRoom(load.LOAD_CLIENTS, load.LOAD_ROOMS),
      target,
      vus,
      batch: load.LOAD_BATCH === 1,
      sample: load.LOAD_SAMPLE,
      bytes: load.LOAD_BYTES,
      pace: burst(load.LOAD_EVENTS),
      stay: false,
      absences: null,
    },
    schedule,
  );
}
