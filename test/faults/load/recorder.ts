/** Writes history lines of one process to a file, some at a time. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { HistoryLine } from '../../checker/history.ts';

const FLUSH_MS = 100;

/** Omits what the recorder adds, from each kind of line. */
type Bare<Line> = Line extends HistoryLine ? Omit<Line, 'process' | 'at'> : never;
export type BareLine = Bare<HistoryLine>;

/** ms of the machine's monotonic clock, which all its processes share. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export class Recorder {
  readonly #process: string;
  readonly #file: number;
  readonly #timer: NodeJS.Timeout;
  #waiting: string[] = [];
  #open = true;

  constructor(processName: string, path: string) {
    this.#process = processName;
    this.#file = openSync(path, 'w');
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS);
  }

  /** Returns the line's time. */
  write(line: BareLine): number {
    const at = monotonicMs();
    if (this.#open) this.#waiting.push(JSON.stringify({ ...line, process: this.#process, at }));
    return at;
  }

  /** Everything is in the file when it returns; what comes later is not written. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    clearInterval(this.#timer);
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    if (this.#waiting.length === 0) return;
    writeSync(this.#file, `${this.#waiting.join('\n')}\n`);
    this.#waiting = [];
  }
}
