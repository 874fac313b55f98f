/** A stream in memory with sequencers that write snapshots and start from them; ended after each test. */
import { afterEach, expect } from 'vitest';
import { type LoadedSnapshot, loadSnapshot } from '../../adapters/snapshots/load.ts';
import type { Sequencer, SequencerOptions } from '../../consumers/sequencer/sequencer.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { inboundEvent, MemoryStream, type MemoryStreamOptions } from './memory-stream.ts';
import { RunningSequencers, ready, until } from './running-sequencers.ts';

export const p0 = 0 as Partition;
export const HOUR_MS = 3_600_000;
/** Makes snapshots of more than one request. */
export const ROOM_NAME_CHARS = 190;
export const MANY_ROOMS = 1_500;
export const running = new RunningSequencers();
afterEach(() => running.stopAll());

/** What was logged, by level. */
export function linesInto(lines: Array<{ level: string; fields: Record<string, unknown>; message: string }>) {
  const at =
    (level: string) =>
    (fields: object, message = '') =>
      void lines.push({ level, fields: fields as Record<string, unknown>, message });
  return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') };
}

export class World {
  readonly stream: MemoryStream;
  readonly lines: Array<{ level: string; fields: Record<string, unknown>; message: string }> = [];

  constructor(options: MemoryStreamOptions['sequencer'] = {}, clock?: MemoryStreamOptions['clock'], partitions = 1) {
    this.stream = new MemoryStream({ sequencer: options, partitions, ...(clock && { clock }) });
  }

  async start(name: string, options: Partial<SequencerOptions> = {}): Promise<Sequencer> {
    const sequencer = await running.start(this.stream, name, { logger: linesInto(this.lines), ...options });
    await ready(sequencer);
    return sequencer;
  }

  publish(count: number, room = 'r'): void {
    for (let n = 0; n < count; n++) this.stream.publish(inboundEvent({ room }));
  }

  /** The room's newest seq, once all was sequenced. */
  async seqOf(room: string, expected: number): Promise<void> {
    await until(() => {
      const events = this.stream.outbound(p0).flatMap(({ record: { event } }) => (event?.room === room ? [event] : []));
      expect(events.at(-1)?.seq).toBe(expected);
    });
  }

  load(partition = p0): Promise<LoadedSnapshot | null> {
    const { cluster, codec, topics, partitions, config } = this.stream;
    return loadSnapshot({
      log: cluster.open('test'),
      codec,
      topics,
      partition,
      partitions,
      parts: 'all',
      publishers: config.sequencer,
      logger: silentLog,
    });
  }

  /** Retention: takes everything below the newest snapshot, of outbound alone. */
  async deleteCovered(partition = p0): Promise<Offset> {
    const loaded = await this.load(partition);
    if (loaded === null) throw new Error('there is no snapshot');
    this.stream.cluster.trim(this.stream.topics.outbound, partition, loaded.mark.offset);
    return loaded.mark.offset;
  }

  /** Of outbound. */
  get end(): number {
    return this.stream.cluster.partition(this.stream.topics.outbound, p0).end;
  }

  said(text: string): boolean {
    return this.lines.some(({ message }) => message.includes(text));
  }
}
