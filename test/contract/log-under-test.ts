/** What the contract's tests work with: an implementation of the log port, and its cluster. */
import type { Offset, Partition } from '../../core/ids.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import { appendAll, readAll } from './log-reader.ts';

/** A cluster under test, and the few things that the port itself can't do. */
export interface LogHarness {
  /** Another client of the same cluster; the suite closes it. */
  open(clientId: string): Promise<EventLog>;
  createTopic(topic: string, partitions: number): Promise<void>;
  /** Deletes what stands below `start`, as retention does. */
  trim(topic: string, partition: Partition, start: Offset): Promise<void>;
  /** Opens a transaction as a foreign producer. One at a time. */
  transaction(topic: string, partition: Partition): Promise<ForeignTransaction>;
  /** How long a member may take to hear of a rebalance. */
  readonly rebalanceMs: number;
  close(): Promise<void>;
}

export interface ForeignTransaction {
  write(...values: readonly string[]): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
}

let topics = 0;

/** One cluster and one client of it for all tests of a suite, and what they do with them. */
export class LogUnderTest {
  readonly #opened: EventLog[] = [];
  #harness: LogHarness | null = null;
  #log: EventLog | null = null;

  get harness(): LogHarness {
    if (this.#harness === null) throw new Error('not begun');
    return this.#harness;
  }

  get log(): EventLog {
    if (this.#log === null) throw new Error('not begun');
    return this.#log;
  }

  async begin(harness: LogHarness): Promise<void> {
    this.#harness = harness;
    this.#log = await this.open('contract');
  }

  async end(): Promise<void> {
    await Promise.all(this.#opened.map((handle) => handle.close()));
    await this.harness.close();
  }

  async open(clientId: string): Promise<EventLog> {
    const handle = await this.harness.open(clientId);
    this.#opened.push(handle);
    return handle;
  }

  async newTopic(partitions: number): Promise<string> {
    const topic = `contract-${process.pid}-${Date.now()}-${++topics}`;
    await this.harness.createTopic(topic, partitions);
    return topic;
  }

  appendAll(topic: string, partition: Partition, values: readonly string[]): Promise<Offset> {
    return appendAll(this.log, topic, partition, values);
  }

  readAll(topic: string, partition: Partition, from: number, to: number) {
    return readAll(this.log, topic, partition, from, to);
  }

  async abortTransaction(topic: string, partition: Partition): Promise<void> {
    const transaction = await this.harness.transaction(topic, partition);
    await transaction.write('never', 'seen');
    await transaction.abort();
  }
}
