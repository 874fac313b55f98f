/** A bench's options: refused with what would be right before anything is started. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { RoomlogError } from '../../core/errors.ts';

type Parsed<Config extends ParseArgsConfig> = ReturnType<typeof parseArgs<Config>>;

const USAGE_EXIT = 2;
const NUMBERS = /^\d+(\.\d+)?(,\d+(\.\d+)?)*$/;
/** These make no sense as 0. */
const COUNTS = /^(repeats|rounds|seconds|rate|rates|members|connections)$/;

/** As `parseArgs` does for this process's arguments; ends the process where one is wrong. */
export function benchOptions<Config extends ParseArgsConfig>(config: Config): Parsed<Config> {
  try {
    return readOptions(config, process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return process.exit(USAGE_EXIT);
  }
}

/**
 * Options whose default is a number, or numbers with commas between, want the same.
 *
 * @throws {RoomlogError} usage
 */
export function readOptions<Config extends ParseArgsConfig>(config: Config, args: string[]): Parsed<Config> {
  const known = Object.entries(config.options ?? {});
  let parsed: Parsed<Config>;
  try {
    parsed = parseArgs({ ...config, args }) as Parsed<Config>;
  } catch (cause) {
    const all = known.map(([name, { default: value }]) => `--${name}${typeof value === 'string' ? ` ${value}` : ''}`);
    const said = (cause as Error).message.split('. ')[0];
    throw new RoomlogError('usage', `${said}. There are: ${all.join(', ')}`, { cause });
  }
  for (const [name, { default: standard }] of known) {
    const value = (parsed.values as Record<string, unknown>)[name];
    if (typeof standard !== 'string' || !NUMBERS.test(standard) || typeof value !== 'string') continue;
    const isList = standard.includes(',') || name === 'rates';
    const isRight = NUMBERS.test(value) && (isList || !value.includes(','));
    if (isRight && !(COUNTS.test(name) && value.split(',').some((one) => Number(one) === 0))) continue;
    const want = isList ? 'numbers with commas between' : 'a number';
    throw new RoomlogError(
      'usage',
      `--${name} is ${want}${COUNTS.test(name) ? ' above 0' : ''}, as in ${standard}; not "${value}"`,
    );
  }
  return parsed;
}
