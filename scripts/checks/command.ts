/** Runs a program for a lane: output captured, ended when the run is given up. */
import { spawn } from 'node:child_process';
import { ROOT } from '../stack/root.ts';
import { fail, type LaneResult, pass } from './lane.ts';

export interface CommandOptions {
  readonly aborted: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to its standard input. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

export interface CommandResult {
  /** null where a signal or the time limit ended it, or it could not be started. */
  readonly code: number | null;
  readonly output: string;
  readonly stdout: string;
}

const TIMEOUT_MS = 20 * 60_000;
const SHOWN_LINES = 60;

export async function command(argv: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const [program = '', ...args] = argv;
  const signal = AbortSignal.any([options.aborted, AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)]);
  return await new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      signal,
      killSignal: 'SIGTERM',
    });
    let output = '';
    let stdout = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      stdout += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.stdin?.on('error', () => {}); // it ended without reading; its code tells
    child.stdin?.end(options.input);
    child.on('error', (error) => {
      output += `${program}: ${error.message}\n`;
      if (child.pid === undefined) resolve({ code: null, output, stdout });
    });
    child.on('close', (code) => resolve({ code, output, stdout }));
  });
}

/** One check: passes when the program ends with 0. */
export async function check(argv: readonly string[], options: CommandOptions): Promise<LaneResult> {
  const { code, output } = await command(argv, options);
  if (code === 0) return pass();
  return fail(`${argv.join(' ')} ended with ${code ?? 'a signal'}`, ...lastLines(output));
}

export function lastLines(output: string): string[] {
  const lines = output.trimEnd().split('\n');
  const hidden = lines.length - SHOWN_LINES;
  return hidden > 0 ? [`… ${hidden} earlier lines`, ...lines.slice(-SHOWN_LINES)] : lines;
}
