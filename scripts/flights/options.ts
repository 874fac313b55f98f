/** The command line of `scripts/feed`. */
import { parseArgs } from 'node:util';
import { RoomlogError } from '../../core/errors.ts';

export interface FeedOptions {
  readonly stateDir: string;
  readonly url: string | null;
  readonly token: string | null;
  /** Flights a second, over all clients. */
  readonly rate: number;
  /** Flights to send; Infinity for all. */
  readonly limit: number;
  readonly loop: boolean;
  readonly clients: number;
  readonly help: boolean;
}

export const USAGE = `scripts/feed: streams real flights (npm vega-datasets) into a running stack, each to the room airport/<origin>.

  --rate N           flights a second over all clients (default 200)
  --limit N          end after so many flights (default: all 3,000,000)
  --loop             begin again at the end
  --clients N        connections, each with a session of its own; an airport always belongs to the same one (default 1)
  --state-dir DIR    folder of the stack (default .roomlog)
  --url URL          a gateway, instead of that stack; needs --token
  --token JWT        must allow to publish to airport/*
  --help             this text

Watch one airport meanwhile: ./roomlog tail airport/ORD`;

const MAX_RATE = 100_000;
const MAX_CLIENTS = 1_000;

/** Throws `config_invalid` with all faults. */
export function parseOptions(argv: readonly string[], env: NodeJS.ProcessEnv): FeedOptions {
  const faults: string[] = [];
  let values: Record<string, string | boolean | undefined> = {};
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const options = {
      rate: text,
      limit: text,
      clients: text,
      'state-dir': text,
      url: text,
      token: text,
      loop: flag,
      help: flag,
      yes: flag,
    };
    ({ values } = parseArgs({ args: [...argv], options }));
  } catch (thrown) {
    faults.push((thrown as Error).message);
  }
  const whole = (name: string, fallback: number, most: number): number => {
    const given = values[name];
    if (given === undefined) return fallback;
    const number = Number(given);
    if (Number.isInteger(number) && number >= 1 && number <= most) return number;
    faults.push(`--${name} is a whole number from 1 to ${most}, not ${String(given)}`);
    return fallback;
  };
  const text = (name: string, variable: string): string | null => String(values[name] ?? env[variable] ?? '') || null;
  const options: FeedOptions = {
    stateDir: text('state-dir', 'ROOMLOG_STATE_DIR') ?? '.roomlog',
    url: text('url', 'ROOMLOG_URL'),
    token: text('token', 'ROOMLOG_TOKEN'),
    rate: whole('rate', 200, MAX_RATE),
    limit: whole('limit', Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER),
    loop: values.loop === true,
    clients: whole('clients', 1, MAX_CLIENTS),
    help: values.help === true,
  };
  if (faults.length > 0) throw new RoomlogError('config_invalid', `scripts/feed: ${faults.join('; ')} (see --help).`);
  return options;
}
