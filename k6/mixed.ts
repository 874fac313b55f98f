/**
 * As in a chat: everybody is in a few rooms, popular ones more likely, reads there and says something now and then.
 *
 *   ROOMLOG_AUTH_SECRET=… k6 run -e ROOMLOG_URL=wss://example.com/v1/ws k6/mixed.ts
 *
 * Options and metrics: k6/README.md.
 */
import { COMMON, PUBLISHING, phasesOf, vusOf } from './lib/defaults.ts';
import { chatLoad, roomsForChat } from './lib/loads.ts';
import { readOptions } from './lib/options.ts';
import { runClients } from './lib/run.ts';
import type { Schedule } from './lib/schedule.ts';
import { begin, k6Options, latencies, promises, UNINTERRUPTED } from './lib/script.ts';

const { target, load } = readOptions(
  __ENV,
  'mixed',
  {
    ...COMMON,
    ...PUBLISHING,
    LOAD_CLIENTS: '200',
    LOAD_ROOMS: '50',
    LOAD_ROOMS_PER_CLIENT: '3',
    LOAD_RATE: '50',
    LOAD_DURATION: '1m',
  },
  (values) => [roomsForChat(values)],
);
const phases = phasesOf(load);
const vus = vusOf(load);

export const options = k6Options('mixed', vus, phases, promises(load.LOAD_CLIENTS), latencies(load), UNINTERRUPTED);

export const setup = (): Schedule => begin(phases, target, load.LOAD_CLIENTS);

export default function mixed(schedule: Schedule): void {
  runClients(chatLoad(load, { target, vus }), schedule);
}
