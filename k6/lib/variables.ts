/** The environment variables of the scripts: what each holds and allows. k6/README.md lists them, and a test compares. */

/** Milliseconds per unit of a written duration. */
const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
/** A session is good for 24 hours, and clients use one for half of that. */
export const MAX_DURATION_MS = 12 * 3_600_000;

export interface Variable {
  /** The value; null where the text is none. */
  parse(text: string): number | null;
  /** What is allowed, for people. */
  readonly allowed: string;
}

function whole(min: number, max: number): Variable {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse: (text) => {
      const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : null;
    },
  };
}

function rate(max: number): Variable {
  return {
    allowed: `a number above 0, up to ${max}`,
    parse: (text) => {
      const value = /^\d{1,9}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN;
      return value > 0 && value <= max ? value : null;
    },
  };
}

function duration(minMs: number, maxMs: number): Variable {
  return {
    allowed: `a duration like 500ms, 30s, 5m, 1h, from ${minMs} ms to ${maxMs / 1_000} s`,
    parse: (text) => {
      const [, number, unit] = /^(\d{1,9})(ms|s|m|h)$/.exec(text) ?? [];
      const value = Number(number) * (UNITS_MS[unit ?? ''] ?? Number.NaN);
      return value >= minMs && value <= maxMs ? value : null;
    },
  };
}

/** Numbers: durations in ms. */
export const VARIABLES = {
  LOAD_CLIENTS: whole(1, 200_000),
  LOAD_ROOMS: whole(0, 1_000_000),
  LOAD_ROOMS_PER_CLIENT: whole(1, 100),
  LOAD_RATE: rate(1_000_000),
  LOAD_EVENTS: whole(1, 100_000),
  LOAD_BYTES: whole(100, 60_000),
  LOAD_RAMP: duration(0, MAX_DURATION_MS),
  LOAD_DURATION: duration(1_000, MAX_DURATION_MS),
  LOAD_DRAIN: duration(1_000, 600_000),
  LOAD_AWAY: duration(0, 3_600_000),
  LOAD_SPREAD: duration(0, 3_600_000),
  LOAD_RECONNECT_EVERY: duration(1_000, MAX_DURATION_MS),
  LOAD_VUS: whole(1, 256),
  LOAD_BATCH: whole(0, 1),
  LOAD_SAMPLE: whole(1, 10_000),
  LOAD_P95_MS: whole(1, 600_000),
  LOAD_P99_MS: whole(1, 600_000),
  LOAD_CONNECT_P95_MS: whole(1, 600_000),
  LOAD_RECOVERY_P95_MS: whole(1, 600_000),
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof VARIABLES;
