/** Exit codes, and how an error becomes one. */
import { RoomlogError } from '../core/errors.ts';

export const EXIT = { ok: 0, finding: 1, usage: 2, unreachable: 3 } as const;

const USAGE: ReadonlySet<string> = new Set([
  'usage',
  'config_invalid',
  'bad_frame',
  'invalid_room',
  'cursor_invalid',
  'port_taken',
]);
const UNREACHABLE: ReadonlySet<string> = new Set([
  'kafka_unreachable',
  'registry_unreachable',
  'redis_unreachable',
  'unavailable',
  'not_connected',
  'connection_lost',
  'stack_missing',
]);

/** Any error that carries a `code` of ours: RoomlogError, the client's RoomlogClientError. */
function codeOf(thrown: unknown): string | null {
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : null;
}

export function exitCodeOf(thrown: unknown): number {
  const code = codeOf(thrown);
  if (code !== null && USAGE.has(code)) return EXIT.usage;
  if (code !== null && UNREACHABLE.has(code)) return EXIT.unreachable;
  return EXIT.finding;
}

/** Lines for a person. A stack trace only for what is no error of ours: a bug. */
export function explain(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `roomlog: ${String(thrown)}`;
  const code = codeOf(thrown);
  if (code === null) return `roomlog: ${thrown.stack ?? thrown.message}`;
  const cause = thrown.cause instanceof Error && thrown.cause.message !== '' ? thrown.cause.message : null;
  const because = cause === null || thrown.message.includes(cause) ? '' : ` (${cause})`;
  // A code helps to look an error up; a wrong command line is not in any table.
  return `roomlog: ${code === 'usage' ? '' : `${code}: `}${thrown.message}${because}`;
}

/** A wrong command line. */
export const usageError = (message: string): RoomlogError => new RoomlogError('usage', message);
