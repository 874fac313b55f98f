/** The command line of `scripts/test-faults`. */
import { parseArgs } from 'node:util';
import { configSchema } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { KafkaClient } from './case.ts';
import { CASES, notYet, TABLE } from './cases.ts';
import type { LoadOptions } from './load.ts';
import { SABOTAGES } from './sabotages.ts';

export interface FaultsOptions {
  readonly cases: readonly number[];
  /** null: each case's own. */
  readonly seconds: number | null;
  readonly seed: number;
  readonly load: LoadOptions;
  /** Names of sabotages to run in place of cases. */
  readonly sabotages: readonly string[];
  /** Folder for the whole report; null: none is kept. */
  readonly report: string | null;
  /** Folder for histories, logs and process logs; null: a temporary one, kept where something failed. */
  readonly dir: string | null;
  /** The library by which all processes of the cases talk to Kafka. */
  readonly client: KafkaClient;
  readonly help: boolean;
}

/** What a CI machine of two slow cores can carry beside three brokers. */
const SHORT_CASES = [1, 2, 3, 5, 6];
const LOAD: LoadOptions = { clients: 240, publishesPerSecond: 120, churnPerSecond: 2, presence: true };
const SHORT_LOAD: LoadOptions = { clients: 48, publishesPerSecond: 36, churnPerSecond: 0.5, presence: true };
const SHORT_SECONDS = 1;
const MAX_SECONDS = 86_400;
const MAX_CLIENTS = 2_000;
const MAX_SEED = 2 ** 31;

export const USAGE = `scripts/test-faults [CASE…] [options]: breaks a real cluster under load and checks what its clients saw.

${[...TABLE].map(([number, name]) => `  ${String(number).padStart(2)}  ${caseLine(number, name)}`).join('\n')}

  --short            the CI form: cases ${SHORT_CASES.join(', ')}, each fault once, a small load
  --seconds N        how long each case makes faults (default: the case's own); each fault is made at least once
  --seed S           for every choice (default: from the clock; printed, and in the report)
  --clients N        SDK clients (default ${LOAD.clients})
  --rate N           publishes a second over all clients (default ${LOAD.publishesPerSecond})
  --sabotage NAME    takes a mechanism away, and expects to be caught: ${SABOTAGES.map(({ name }) => name).join(', ')}, all
  --kafka-client C   kafkajs (default) or platformatic, for all gateways and sequencers
  --report [DIR]     keeps the whole report as Markdown and JSON (default docs/reports)
  --dir DIR          keeps histories, outbound logs and process logs there
  --yes              install missing packages without asking
  --help             this text

Without a case all of them run. See test/faults/README.md.`;

function caseLine(number: number, name: string): string {
  const known = CASES.find((one) => one.number === number);
  return known === undefined ? `${name} (not yet)` : `${name}, ${known.seconds} s`;
}

/** Throws `config_invalid` with all faults. */
export function parseOptions(argv: readonly string[]): FaultsOptions {
  const faults: string[] = [];
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  let values: Record<string, string | boolean | undefined> = {};
  let positionals: string[] = [];
  try {
    const options = {
      ...{ seconds: text, seed: text, clients: text, rate: text, sabotage: text, report: text, dir: text },
      ...{ 'kafka-client': text },
      ...{ short: flag, help: flag, yes: flag },
    };
    ({ values, positionals } = parseArgs({ args: withReport(argv), options, allowPositionals: true }));
  } catch (thrown) {
    faults.push((thrown as Error).message);
  }
  const whole = (name: string, fallback: number, least: number, most: number): number => {
    const given = values[name];
    if (given === undefined) return fallback;
    const number = Number(given);
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    faults.push(`--${name} is a whole number from ${least} to ${most}, not ${String(given)}`);
    return fallback;
  };
  const short = values.short === true;
  const load = short ? SHORT_LOAD : LOAD;
  const cases = positionals.map((word) => {
    const number = Number(word);
    if (CASES.some((one) => one.number === number)) return number;
    const missing = notYet().includes(number) ? 'is not written yet' : 'is no case';
    faults.push(`${word} ${missing}; there are ${CASES.map((one) => one.number).join(', ')}`);
    return number;
  });
  const sabotage = values.sabotage === undefined ? [] : String(values.sabotage).split(',');
  const sabotages = sabotage.includes('all') ? SABOTAGES.map(({ name }) => name) : sabotage;
  for (const name of sabotages) {
    if (!SABOTAGES.some((one) => one.name === name)) faults.push(`--sabotage ${name} is unknown (see --help)`);
  }
  const client = configSchema.shape.kafka.safeParse({ client: values['kafka-client'] });
  if (!client.success) faults.push(`--kafka-client ${String(values['kafka-client'])} is unknown (see --help)`);
  const everything = CASES.map(({ number }) => number).filter((number) => !short || SHORT_CASES.includes(number));
  const seconds = whole('seconds', 0, 1, MAX_SECONDS);
  const options: FaultsOptions = {
    cases: cases.length > 0 ? cases : everything,
    seconds: seconds > 0 ? seconds : short ? SHORT_SECONDS : null,
    seed: whole('seed', Math.floor(Date.now() / 1_000) % MAX_SEED, 0, MAX_SEED),
    load: {
      ...load,
      clients: whole('clients', load.clients, 6, MAX_CLIENTS),
      publishesPerSecond: whole('rate', load.publishesPerSecond, 6, 100_000),
    },
    sabotages,
    report: values.report === undefined ? null : String(values.report),
    dir: values.dir === undefined ? null : String(values.dir),
    client: client.data?.client ?? 'kafkajs',
    help: values.help === true,
  };
  if (faults.length > 0)
    throw new RoomlogError('config_invalid', `scripts/test-faults: ${faults.join('; ')} (see --help).`);
  return options;
}

/** `--report` alone means the usual folder. */
function withReport(argv: readonly string[]): string[] {
  return argv.map((word, index) => {
    const next = argv[index + 1];
    return word === '--report' && (next === undefined || next.startsWith('-') || /^\d+$/.test(next))
      ? '--report=docs/reports'
      : word;
  });
}
