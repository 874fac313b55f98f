/** What the Kafka adapter counts. */
import type { Partition } from '../../core/ids.ts';
import type { Counter, Metrics } from '../telemetry/metrics.ts';

/**
 * - `answered`: with whatever; codes of single partitions count as answers.
 * - `refused`: an answer that says no as a whole (group requests).
 * - `failed`: no answer, or none that could be read; the outcome is unknown.
 * - `not_sent`: the broker could not be reached.
 */
export type RequestOutcome = 'answered' | 'refused' | 'failed' | 'not_sent';

/** What the watchdogs start again: a tail's reading at one broker, a group membership. */
export type Watched = 'tail' | 'group';

/** Partitions of a topic whose readers wait for another producer's transaction, and for how long, ms. */
export type OpenTransactionsReader = () => ReadonlyArray<{ topic: string; partition: Partition; openMs: number }>;

export interface KafkaMetrics {
  /** Which library carries the requests. */
  runsOn(client: string): void;
  requested(api: string, outcome: RequestOutcome, ms: number): void;
  restarted(what: Watched): void;
  /** Bytes of batches that a broker sent for a range, those of a batch that was cut off included. */
  rangeFetched(bytes: number): void;
  /** Read when somebody looks. */
  openTransactions(read: OpenTransactionsReader): void;
}

export const noKafkaMetrics: KafkaMetrics = {
  runsOn: () => {},
  requested: () => {},
  restarted: () => {},
  rangeFetched: () => {},
  openTransactions: () => {},
};

export function kafkaMetrics(metrics: Metrics): KafkaMetrics {
  const requests = metrics.counter('roomlog_kafka_requests_total', 'Requests to Kafka, by API and outcome.');
  const latency = metrics.histogram('roomlog_kafka_request_ms', 'Requests to Kafka that were answered, by API.');
  const restarts = metrics.counter(
    'roomlog_kafka_restarts_total',
    'Tails and group memberships that made no progress and were started again.',
  );
  const fetched = metrics.counter(
    'roomlog_kafka_range_bytes_total',
    'Bytes of record batches fetched to read ranges: for catching up, snapshots, replay.',
  );
  /** By API and outcome: to find a series by its labels costs more than to count. A dozen at most. */
  const counters = new Map<string, Counter>();
  const counterOf = (api: string, outcome: string): Counter => {
    const key = `${api} ${outcome}`;
    const counter = counters.get(key) ?? requests.with({ api, outcome });
    counters.set(key, counter);
    return counter;
  };
  return {
    runsOn(client) {
      metrics.gauge('roomlog_kafka_client', 'Always 1; its label names the library that carries the requests.', () => [
        [1, { client }],
      ]);
    },
    requested(api, outcome, ms) {
      counterOf(api, outcome).add();
      if (outcome === 'answered') latency.record(ms, { api });
    },
    restarted: (what) => restarts.add(1, { what }),
    rangeFetched: (bytes) => fetched.add(bytes),
    openTransactions(read) {
      metrics.gauge(
        'roomlog_kafka_open_transaction_ms',
        'How long readers have waited for a transaction of another producer, by topic and partition.',
        () => read().map(({ topic, partition, openMs }) => [openMs, { topic, partition }] as const),
      );
    },
  };
}
