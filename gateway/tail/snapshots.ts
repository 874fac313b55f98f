/** Fetches snapshots for the partitions of a gateway: a few at a time, and for as long as it takes while Kafka or the registry is away. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type LoadedSnapshot, loadSnapshot } from '../../adapters/snapshots/load.ts';
import type { Alarms } from '../../core/alarms.ts';
import { asRoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import { Slots } from '../history/slots.ts';
import type { StreamIdentity } from './stream-identity.ts';
import type { StreamMetrics } from './stream-metrics.ts';

/** Snapshots loaded at the same time. */
const MAX_CONCURRENT_LOADS = 4;
/** Pause between two tries, ms. */
const RETRY_MS = 500;

export interface SnapshotsOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: { readonly outbound: string; readonly snapshots: string };
  /** P, which a snapshot must have too. */
  readonly partitions: number;
  readonly identity: StreamIdentity;
  readonly logger: LogSink;
  readonly alarms: Alarms;
  readonly metrics: Pick<StreamMetrics, 'snapshotsLoaded' | 'snapshotsRefused'>;
}

export class Snapshots {
  readonly #options: SnapshotsOptions;
  readonly #slots = new Slots(MAX_CONCURRENT_LOADS);
  readonly #stopped = new AbortController();

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /**
   * The newest snapshot that can be believed; null where there is none, and after `stop`. Never rejects: without one the log is read
   * from its start.
   *
   * @param below only snapshots at or below this offset; null for any
   */
  newest(partition: Partition, below: Offset | null): Promise<LoadedSnapshot | null> {
    return this.#slots.run(() => this.#load(partition, below));
  }

  /** Ends all loading. */
  stop(): void {
    this.#stopped.abort();
  }

  async #load(partition: Partition, below: Offset | null): Promise<LoadedSnapshot | null> {
    const { log, codec, topics, partitions, identity, logger, metrics, alarms } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      let isAhead = false;
      try {
        const loaded = await loadSnapshot({
          log,
          codec,
          topics,
          partition,
          partitions,
          parts: 'heads',
          streamId: identity.id,
          logger,
          signal,
          onRefused: (reason) => {
            metrics.snapshotsRefused[reason].add();
            if (reason !== 'ahead') return;
            isAhead = true;
            alarms.raise('snapshot_ahead', partition, 'the newest snapshot was refused');
          },
          ...(below !== null && { below }),
        });
        if (loaded !== null) metrics.snapshotsLoaded.add();
        if (loaded !== null && below === null && !isAhead) alarms.clear('snapshot_ahead', partition);
        return loaded;
      } catch (thrown) {
        const error = asRoomlogError(thrown, 'kafka_unreachable');
        if (signal.aborted) return null;
        if (!error.definition.retryable) {
          logger.warn({ err: error, partition }, 'no snapshot can be had: this partition is read from its start');
          return null;
        }
        logger.warn({ err: error, partition }, 'waiting for a snapshot');
        await sleep(RETRY_MS);
      }
    }
    return null;
  }
}
