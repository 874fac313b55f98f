/** What `scripts/test-simulation` is asked for. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

export const USAGE = `Runs the whole system in one process, in virtual time, with faults drawn from a seed: docs/simulation.md.

usage: scripts/test-simulation [options]
  --seeds N        how many seeds, one run each (default: 2,000; without end where --minutes is given)
  --from S         the first seed (default: 1)
  --minutes M      stop after so many minutes
  --workers W      worker processes (default: one per core)
  --seed S         one run only, in this process
  --trace          with --seed: print what happens
  --versions 1|2   versions of the decision at work (default: two in every third seed)
  --sabotage NAME  take a mechanism away first; the run is expected to fail
  --json           print the result as JSON`;

export interface SimulationOptions {
  readonly seed: number | null;
  readonly from: number;
  /** Infinity: until the minutes are over. */
  readonly seeds: number;
  readonly minutes: number;
  readonly workers: number;
  readonly trace: boolean;
  readonly versions: 1 | 2 | null;
  readonly sabotage: string | null;
  readonly json: boolean;
}

/** Throws TypeError for what it does not understand. */
export function readOptions(given: readonly string[]): SimulationOptions | 'help' {
  const { values } = parseArgs({
    args: [...given],
    options: {
      seed: { type: 'string' },
      from: { type: 'string' },
      seeds: { type: 'string' },
      minutes: { type: 'string' },
      workers: { type: 'string' },
      trace: { type: 'boolean', default: false },
      versions: { type: 'string' },
      sabotage: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return 'help';
  const minutes = positive('minutes', values.minutes) ?? Number.POSITIVE_INFINITY;
  const versions = positive('versions', values.versions) ?? null;
  if (versions !== null && versions !== 1 && versions !== 2) throw new TypeError('--versions is 1 or 2');
  return {
    seed: whole('seed', values.seed) ?? null,
    from: whole('from', values.from) ?? 1,
    seeds: whole('seeds', values.seeds) ?? (Number.isFinite(minutes) ? Number.POSITIVE_INFINITY : 2_000),
    minutes,
    workers: whole('workers', values.workers) ?? availableParallelism(),
    trace: values.trace,
    versions,
    sabotage: values.sabotage ?? null,
    json: values.json,
  };
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new TypeError(`--${name} is a number above 0`);
  return value;
}

function whole(name: string, text: string | undefined): number | undefined {
  const value = positive(name, text);
  if (value !== undefined && !Number.isSafeInteger(value)) throw new TypeError(`--${name} is a whole number`);
  return value;
}
