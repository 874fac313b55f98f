/** Options that every command takes, and where else they may come from. */
import { usageError } from './exit.ts';

export interface GlobalOptions {
  readonly stateDir: string;
  /** A gateway's WebSocket URL; null: the stack of the state folder. */
  readonly url: string | null;
  readonly token: string | null;
  readonly output: 'text' | 'json';
}

/** Reads commander's merged options and the environment (`ROOMLOG_URL`, `ROOMLOG_TOKEN`, `ROOMLOG_STATE_DIR`). */
export function globalOptions(
  options: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv = process.env,
): GlobalOptions {
  const output = options.output ?? 'text';
  if (output !== 'text' && output !== 'json') throw usageError(`-o is text or json, not ${String(output)}.`);
  return {
    stateDir: text(options.stateDir) ?? text(env.ROOMLOG_STATE_DIR) ?? '.roomlog',
    url: text(options.url) ?? text(env.ROOMLOG_URL),
    token: text(options.token) ?? text(env.ROOMLOG_TOKEN),
    output,
  };
}

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
