/**
 * Log lines: JSON by pino, or text for people. What must never stand in one (tokens, secrets, payloads) is removed here by
 * name, so that a careless call can't leak it; control characters are escaped, so that no value forges a line.
 */
import { type DestinationStream, destination as fileDestination, type Logger, pino } from 'pino';
import type { Config } from '../../core/config/schema.ts';
import { prettyDestination } from './pretty.ts';

export type { Logger } from 'pino';

/** Names whose values are never written, at the top of a line and one level below. */
const SECRET_NAMES = ['token', 'secret', 'password', 'authorization', 'cookie', 'data', 'payload', 'frame', 'meta'];
/** How deep a chain of causes is written. */
const MAX_CAUSES = 4;

export interface LoggerOptions {
  /** The process or part: `gateway`, `sequencer`. */
  readonly name: string;
  /** Where the lines go; default: standard output. */
  readonly destination?: DestinationStream;
}

export function createLogger(config: Pick<Config, 'log'>, { name, destination }: LoggerOptions): Logger {
  const sink = destination ?? fileDestination({ dest: 1, sync: true });
  return pino(
    {
      name,
      level: config.log.level,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_NAMES.flatMap((secret) => [secret, `*.${secret}`, `headers.${secret}`, `*.headers.${secret}`]),
        censor: '[redacted]',
      },
      serializers: { err: describeError, error: describeError, cause: describeError },
    },
    config.log.pretty ? prettyDestination(sink) : sink,
  );
}

/** An error's type, code, details, stack and causes; other values as text. */
function describeError(thrown: unknown, depth = 0): unknown {
  if (!(thrown instanceof Error)) return thrown;
  const { code, details } = thrown as Error & { code?: unknown; details?: object };
  return {
    type: thrown.name,
    ...(code === undefined ? {} : { code }),
    message: thrown.message,
    ...(details === undefined || Object.keys(details).length === 0 ? {} : { details }),
    stack: thrown.stack,
    ...(thrown.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: describeError(thrown.cause, depth + 1) }),
  };
}
