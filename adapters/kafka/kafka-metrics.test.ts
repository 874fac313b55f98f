import { expect, test } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { kafkaMetrics } from './kafka-metrics.ts';

test('counts requests by API and outcome, and times those that were answered', async () => {
  const metrics = createMetrics();
  const kafka = kafkaMetrics(metrics);
  kafka.runsOn('platformatic');
  kafka.requested('fetch', 'answered', 7);
  kafka.requested('fetch', 'answered', 8);
  kafka.requested('produce', 'failed', 5_000);
  kafka.restarted('group');
  kafka.openTransactions(() => [{ topic: 't', partition: 3 as Partition, openMs: 9_000 }]);
  const text = await metrics.render();
  expect(text).toContain('roomlog_kafka_requests_total{api="fetch",outcome="answered"} 2');
  expect(text).toContain('roomlog_kafka_requests_total{api="produce",outcome="failed"} 1');
  expect(text).toContain('roomlog_kafka_request_ms_count{api="fetch"} 2');
  expect(text).not.toContain('roomlog_kafka_request_ms_count{api="produce"}');
  expect(text).toContain('roomlog_kafka_restarts_total{what="group"} 1');
  expect(text).toContain('roomlog_kafka_open_transaction_ms{topic="t",partition="3"} 9000');
  expect(text).toContain('roomlog_kafka_client{client="platformatic"} 1');
  await metrics.shutdown();
});
