/** Sequencers of a test, stopped at its end whatever happened. */
import { expect, vi } from 'vitest';
import type { Sequencer, SequencerOptions } from '../../consumers/sequencer/sequencer.ts';
import type { Partition } from '../../core/ids.ts';
import type { MemoryStream } from './memory-stream.ts';

const WAIT_MS = 10_000;

export class RunningSequencers {
  readonly #running = new Set<Sequencer>();

  async start(stream: MemoryStream, name: string, options: Partial<SequencerOptions> = {}): Promise<Sequencer> {
    const sequencer = stream.sequencer(name, options);
    this.#running.add(sequencer);
    await sequencer.start();
    return sequencer;
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((sequencer) => sequencer.stop()));
    this.#running.clear();
  }
}

export function ready(...sequencers: Sequencer[]): Promise<void> {
  return vi.waitFor(() => {
    for (const sequencer of sequencers) expect(sequencer.notReady()).toBeNull();
  }, WAIT_MS);
}

/** Waits until every inbound record of every partition was answered exactly once, with nothing wrong. */
export function sound(stream: MemoryStream): Promise<void> {
  return vi.waitFor(() => {
    for (let number = 0; number < stream.partitions; number++) {
      expect(stream.anomalies(number as Partition)).toEqual([]);
    }
  }, WAIT_MS);
}

export const until = (check: () => void): Promise<void> => vi.waitFor(check, WAIT_MS);
