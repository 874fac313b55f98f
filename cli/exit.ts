/** Exit codes, and how an error becomes one. */
import { RoomlogClientError } from '../client/errors.ts';
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
]);

/** The code of an error of ours: RoomlogError, the client's RoomlogClientError. Node's own (`ERR_…`, `EACCES`) are something else. */
function codeOf(thrown: unknown): string | null {
  if (!(thrown instanceof RoomlogError || thrown instanceof RoomlogClientError)) return null;
  return thrown.code;
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
