/** Runs a command of the project as a user would, as a process of its own. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly withinMs?: number;
}

/** A running command. */
export class RunningCommand {
  readonly #child: ReturnType<typeof spawn>;
  readonly #ended: Promise<CommandResult>;
  stdout = '';
  stderr = '';

  constructor(file: string, args: readonly string[], { stdin, env, cwd, withinMs = 60_000 }: CommandOptions = {}) {
    this.#child = spawn(file, args, {
      cwd: cwd ?? ROOT,
      env: { ...clean(process.env), ...env },
      timeout: withinMs,
    });
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.#child.stdin?.on('error', () => {});
    this.#child.stdin?.end(stdin ?? '');
    this.#ended = new Promise((done, failed) => {
      this.#child.once('error', failed);
      this.#child.once('close', (code) => done({ code, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  ended(): Promise<CommandResult> {
    return this.#ended;
  }

  /** Lines of stdout that are complete. */
  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1);
  }
}

export const run = (file: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult> =>
  new RunningCommand(file, args, options).ended();

/** `./roomlog` */
export const ROOMLOG = resolve(ROOT, 'roomlog');

/** Without what a developer's shell may have set. */
function clean(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('ROOMLOG_')));
}
