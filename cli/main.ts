#!/usr/bin/env node
/**
 * The `roomlog` command. A command's own module is loaded only when it is named: `roomlog token` must not wait for Kafka's
 * client, nor `--help` for the config schema.
 */
import { Command, CommanderError } from 'commander';
import { COMMANDS } from './commands.ts';
import { EXIT, exitCodeOf, explain } from './exit.ts';
import { VERSION } from './version.ts';

/** Options of the program that take a value, which is not the command's name. */
const WITH_VALUE: ReadonlySet<string> = new Set(['--state-dir', '--url', '--token', '-o', '--output']);

/** The first word that is neither an option nor an option's value. */
function namedCommand(argv: readonly string[]): string | null {
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    if (WITH_VALUE.has(word)) index += 1;
    else if (!word.startsWith('-')) return word;
  }
  return null;
}

async function buildProgram(argv: readonly string[]): Promise<Command> {
  const program = new Command('roomlog')
    .description('Ordered room events between WebSocket clients and Apache Kafka.')
    .version(VERSION)
    .option('--state-dir <dir>', 'folder of a local stack (default: .roomlog, or ROOMLOG_STATE_DIR)')
    .option('--url <url>', 'WebSocket URL of a gateway, instead of the local stack’s (or ROOMLOG_URL)')
    .option('--token <jwt>', 'token for --url (or ROOMLOG_TOKEN)')
    .option('-o, --output <format>', 'text, or json: one event body a line on stdout, all else on stderr', 'text')
    .showHelpAfterError('(--help says more)')
    .exitOverride();
  const named = namedCommand(argv);
  for (const { name, summary, load } of COMMANDS) {
    const command = program.command(name).description(summary);
    // Errors in a command end like those of the program.
    command.copyInheritedSettings(program);
    if (name === named) (await load())(command);
  }
  return program;
}

/** Runs one command line; resolves with the exit code. */
async function run(argv: readonly string[]): Promise<number> {
  try {
    const program = await buildProgram(argv);
    await program.parseAsync(argv, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.ok;
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
    process.stderr.write(`${explain(thrown)}\n`);
    return exitCodeOf(thrown);
  }
}

// A reader that has seen enough (`| head`) is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? EXIT.ok : EXIT.finding);
});

process.exitCode = await run(process.argv.slice(2));
// Whatever a failed command left open must not keep the process; servers resolve only once they have stopped.
process.stdout.write('', () => process.exit());
