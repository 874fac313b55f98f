/** Times on the command line. */
import { usageError } from './exit.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `15m`, `1h`, `7d`, `500ms` in ms. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const ms = match?.[1] && match[2] ? Number(match[1]) * (UNIT_MS[match[2]] ?? 0) : 0;
  if (ms <= 0) throw usageError(`${text} is no duration: write for example 90s, 15m, 1h or 7d.`);
  return ms;
}

/** A whole number of at least `least`. */
export function parseCount(option: string, text: string, least = 1, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least || value > most) {
    const bound = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    throw usageError(`${option} is a whole number ${bound}, not ${text}.`);
  }
  return value;
}

/** An ISO 8601 time as ms since the Unix epoch. */
export function parseTime(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms) || !/^\d{4}-\d{2}-\d{2}/.test(text)) {
    throw usageError(`${text} is no time: write for example 2026-11-22T06:30:00Z.`);
  }
  return ms;
}
