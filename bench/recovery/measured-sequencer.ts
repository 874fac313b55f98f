/** A sequencer of the bench's own process that notes when what happened. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Sequencer, type SequencerOptions } from '../../consumers/sequencer/sequencer.ts';

const NS_PER_MS = 1e6;
const LOOP_RESOLUTION_MS = 1;

export class MeasuredSequencer {
  readonly sequencer: Sequencer;
  readonly #at = new Map<string, number>();
  readonly #cpuMs = new Map<string, number>();
  readonly #fields = new Map<string, Record<string, unknown>>();
  readonly #loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });

  constructor(options: Omit<SequencerOptions, 'logger'>) {
    const note = (fields: object, message = '') => {
      this.#at.set(message, performance.now());
      this.#cpuMs.set(message, cpuMs());
      this.#fields.set(message, fields as Record<string, unknown>);
    };
    const complain = (fields: object, message = '') => {
      note(fields, message);
      process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
    };
    this.sequencer = new Sequencer({
      ...options,
      logger: { debug: () => {}, info: note, warn: complain, error: complain },
    });
    this.#loop.enable();
  }

  /** performance.now() of the newest line with this message; undefined as long as there is none. */
  at(message: string): number | undefined {
    return this.#at.get(message);
  }

  /** Processor time that this process had used by then, ms. */
  cpuMsAt(message: string): number {
    return this.#cpuMs.get(message) ?? Number.NaN;
  }

  fields(message: string): Record<string, unknown> {
    return this.#fields.get(message) ?? {};
  }

  /** Longest time that the event loop stood since the last call, ms. */
  longestStallMs(): number {
    const ms = this.#loop.max / NS_PER_MS;
    this.#loop.reset();
    return ms;
  }

  async stop(): Promise<void> {
    this.#loop.disable();
    await this.sequencer.stop();
  }
}

/** Processor time of this process so far, ms. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
