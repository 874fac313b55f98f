/** One line of `roomlog doctor`. */
export interface Check {
  /** What was looked at: `kafka`, `topic roomlog.inbound`, `clock of redis`. */
  readonly name: string;
  /** `unknown`: it could not be told; that alone is no reason to worry. */
  readonly status: 'ok' | 'finding' | 'unreachable' | 'unknown';
  readonly message: string;
  /** What to do about a finding. */
  readonly change?: string;
}

export const ok = (name: string, message: string): Check => ({ name, status: 'ok', message });
export const finding = (name: string, message: string, change: string): Check => ({
  name,
  status: 'finding',
  message,
  change,
});
export const unreachable = (name: string, message: string, change: string): Check => ({
  name,
  status: 'unreachable',
  message,
  change,
});
export const unknown = (name: string, message: string): Check => ({ name, status: 'unknown', message });

export const reasonOf = (thrown: unknown): string => {
  const { message, cause } = thrown as { message?: string; cause?: { message?: string } };
  return cause?.message || message || String(thrown);
};

/** More than this between two clocks is a finding, ms: tokens, leases and retention go by different ones. */
const MAX_SKEW_MS = 2_000;

/** Judges a clock that was read once. */
export function clockCheck(name: string, { aheadMs, uncertainMs }: { aheadMs: number; uncertainMs: number }): Check {
  const off = `${Math.round(Math.abs(aheadMs))} ms ${aheadMs < 0 ? 'behind' : 'ahead'} (± ${Math.ceil(uncertainMs)} ms)`;
  if (Math.abs(aheadMs) - uncertainMs <= MAX_SKEW_MS) return ok(name, off);
  return finding(name, `${off}; more than ${MAX_SKEW_MS} ms is too much`, 'keep both machines’ clocks by NTP');
}
