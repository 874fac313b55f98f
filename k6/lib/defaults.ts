/** Defaults of the variables that every script takes, and what follows from the values. */
import type { Phases } from './schedule.ts';

export const COMMON = {
  LOAD_RAMP: '2s',
  LOAD_DRAIN: '30s',
  LOAD_VUS: '4',
  LOAD_BATCH: '0',
} as const;

export const PUBLISHING = {
  LOAD_BYTES: '200',
  LOAD_SAMPLE: '1',
  LOAD_P95_MS: '500',
  LOAD_P99_MS: '1000',
} as const;

export function phasesOf(load: { LOAD_RAMP: number; LOAD_DURATION: number; LOAD_DRAIN: number }): Phases {
  return { rampMs: load.LOAD_RAMP, durationMs: load.LOAD_DURATION, drainMs: load.LOAD_DRAIN };
}

/** No more VUs than clients. */
export function vusOf(load: { LOAD_VUS: number; LOAD_CLIENTS: number }): number {
  return Math.min(load.LOAD_VUS, load.LOAD_CLIENTS);
}

export const roomsFor = (load: { LOAD_ROOMS: number; LOAD_CLIENTS: number }): string | false =>
  (load.LOAD_ROOMS < 1 || load.LOAD_ROOMS > load.LOAD_CLIENTS) &&
  `LOAD_ROOMS is ${load.LOAD_ROOMS}; allowed: 1 to the number of clients, ${load.LOAD_CLIENTS}`;
