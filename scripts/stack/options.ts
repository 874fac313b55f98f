/** The command lines of `scripts/up` and `scripts/down`: what is allowed, and all faults at once. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { RoomlogError } from '../../core/errors.ts';
import { BLOCK_PORTS, MAX_GATEWAYS, MAX_SEQUENCERS } from './ports.ts';

export type BrokerCount = 1 | 3;

export interface UpOptions {
  readonly stateDir: string;
  readonly portBase: number;
  /** null: as many as the state folder was made with, else one. */
  readonly brokers: BrokerCount | null;
  readonly gateways: number;
  readonly sequencers: number;
  readonly fresh: boolean;
  readonly detach: boolean;
  readonly restart: string | null;
  readonly infraOnly: boolean;
  readonly help: boolean;
}

export const UP_USAGE = `scripts/up: starts Kafka, a schema registry, Redis, sequencers and gateways on this machine.

  --gateways N       how many gateways (1 to ${MAX_GATEWAYS}; default 1)
  --sequencers N     how many sequencers (1 to ${MAX_SEQUENCERS}; default 1)
  --brokers 1|3      Kafka brokers; 3 keeps every record three times (default: as the state folder has it, else 1)
  --fresh            start empty: deletes the data of this state folder first
  --detach           return when everything is ready; scripts/down stops it
  --restart NAME     bring back one process of a running stack: gateway-1, sequencer-1, kafka-1, registry, redis
  --port-base N      first of the ${BLOCK_PORTS} ports that the stack may use; the first gateway listens on it (default 7400)
  --state-dir DIR    where data, logs, configuration and stack.json lie (or ROOMLOG_STATE_DIR; default .roomlog)
  --infra-only       Kafka, registry and Redis with topics and schemas, but no gateway and no sequencer
  --yes              install missing packages without asking
  --help             this text

ROOMLOG_KAFKA_BROKERS, ROOMLOG_REGISTRY_URL and ROOMLOG_REDIS_URL name services to use instead of starting them.
ROOMLOG_CACHE_DIR is where downloads are kept (default ~/.cache/roomlog). docs/local-stack.md tells more.`;

export const DOWN_USAGE = `scripts/down: stops everything that scripts/up started for a state folder. Data stays.

  --state-dir DIR    the state folder (or ROOMLOG_STATE_DIR; default .roomlog)
  --help             this text`;

export function parseUp(argv: readonly string[]): UpOptions {
  const faults: string[] = [];
  const values = parse(argv, UP_FLAGS, 'scripts/up', faults);
  const whole = (flag: string, min: number, max: number, fallback: number): number => {
    const text = values[flag];
    if (text === undefined) return fallback;
    const number = /^\d+$/.test(String(text)) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    faults.push(`--${flag} is ${JSON.stringify(text)}; allowed: a whole number from ${min} to ${max}`);
    return fallback;
  };
  const brokers = values.brokers;
  if (brokers !== undefined && brokers !== '1' && brokers !== '3') {
    faults.push(`--brokers is ${JSON.stringify(brokers)}; allowed: 1 or 3`);
  }
  const restart = typeof values.restart === 'string' ? values.restart : null;
  if (restart !== null && (values.fresh === true || values.detach === true)) {
    faults.push('--restart brings back one process of a running stack; it goes with --state-dir only');
  }
  const options: UpOptions = {
    stateDir: stateDirOf(values),
    portBase: whole('port-base', 1024, 65_536 - BLOCK_PORTS, 7400),
    brokers: brokers === undefined ? null : brokers === '3' ? 3 : 1,
    gateways: whole('gateways', 1, MAX_GATEWAYS, 1),
    sequencers: whole('sequencers', 1, MAX_SEQUENCERS, 1),
    fresh: values.fresh === true,
    detach: values.detach === true,
    restart,
    infraOnly: values['infra-only'] === true,
    help: values.help === true,
  };
  refuse('scripts/up', faults);
  return options;
}

export function parseDown(argv: readonly string[]): { stateDir: string; help: boolean } {
  const faults: string[] = [];
  const values = parse(argv, DOWN_FLAGS, 'scripts/down', faults);
  refuse('scripts/down', faults);
  return { stateDir: stateDirOf(values), help: values.help === true };
}

type Flags = Readonly<Record<string, { type: 'string' | 'boolean'; short?: string }>>;

const DOWN_FLAGS: Flags = {
  'state-dir': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
  yes: { type: 'boolean' },
};
const UP_FLAGS: Flags = {
  ...DOWN_FLAGS,
  gateways: { type: 'string' },
  sequencers: { type: 'string' },
  brokers: { type: 'string' },
  'port-base': { type: 'string' },
  restart: { type: 'string' },
  fresh: { type: 'boolean' },
  detach: { type: 'boolean' },
  'infra-only': { type: 'boolean' },
};

function parse(argv: readonly string[], flags: Flags, command: string, faults: string[]): Record<string, unknown> {
  const known = Object.keys(flags)
    .map((flag) => `--${flag}`)
    .join(' ');
  const { values, tokens } = parseArgs({ args: [...argv], options: flags, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional') faults.push(`${JSON.stringify(token.value)} is not an option of ${command}`);
    if (token.kind !== 'option') continue;
    const flag = flags[token.name];
    if (flag === undefined) faults.push(`${token.rawName} is not known; known: ${known}`);
    else if (flag.type === 'string' && (token.value === undefined || token.value === '')) {
      faults.push(`${token.rawName} needs a value`);
    } else if (flag.type === 'boolean' && token.value !== undefined) faults.push(`${token.rawName} takes no value`);
  }
  return values;
}

function stateDirOf(values: Record<string, unknown>): string {
  // As everywhere else: a folder named for ./roomlog and scripts/feed is meant here too.
  const given = values['state-dir'] ?? process.env.ROOMLOG_STATE_DIR;
  return resolve(typeof given === 'string' && given !== '' ? given : '.roomlog');
}

function refuse(command: string, faults: readonly string[]): void {
  if (faults.length === 0) return;
  throw new RoomlogError('config_invalid', [...faults, `${command} --help tells what it takes.`].join('\n'));
}
