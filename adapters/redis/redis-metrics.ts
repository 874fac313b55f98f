/** What the Redis adapter counts. */
import type { Metrics } from '../telemetry/metrics.ts';

export interface RedisMetrics {
  /** One call: a command, a script, or a few that were sent together. */
  called(outcome: 'answered' | 'failed', ms: number): void;
  /** The circuit has opened: nothing but probes is sent. */
  opened(): void;
}

export const noRedisMetrics: RedisMetrics = { called: () => {}, opened: () => {} };

export function redisMetrics(metrics: Metrics): RedisMetrics {
  const calls = metrics.counter('roomlog_redis_calls_total', 'Calls to Redis, by outcome.');
  const outcomes = { answered: calls.with({ outcome: 'answered' }), failed: calls.with({ outcome: 'failed' }) };
  const latency = metrics.histogram('roomlog_redis_call_ms', 'Calls to Redis that were answered.');
  const opened = metrics.counter('roomlog_circuit_opened_total', 'Circuit breakers that opened, by what they guard.');
  const redisOpened = opened.with({ circuit: 'redis' });
  return {
    opened: () => redisOpened.add(),
    called(outcome, ms) {
      outcomes[outcome].add();
      if (outcome === 'answered') latency.record(ms);
    },
  };
}
