/** All that a gateway keeps in Redis, over one pair of connections. Each is started and stopped by itself. */
import type { Config } from '../../core/config/schema.ts';
import { gatewayId } from '../../core/ids.ts';
import type { CircuitState } from '../../core/limits/circuit-breaker.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ConnectionRegistry } from '../../core/ports/connection-registry.ts';
import type { EphemeralBus } from '../../core/ports/ephemeral-bus.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { PresenceStore } from '../../core/ports/presence-store.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { RedisLink } from './client.ts';
import { RedisConnectionRegistry } from './connections.ts';
import { RedisEphemeralBus } from './ephemeral.ts';
import { RedisPresence } from './presence.ts';
import { redisMetrics } from './redis-metrics.ts';

export interface RedisStores {
  readonly presence: PresenceStore;
  readonly ephemeral: EphemeralBus;
  readonly connections: ConnectionRegistry;
  /** Whether commands are sent to Redis; absent where there is none. */
  circuit?(): CircuitState;
}

/** Connects nothing yet; `start` of each does, and never waits for a Redis that is away. */
export function createRedisStores(
  config: Config,
  logger: LogSink,
  { clock, metrics }: { clock?: Clock; metrics?: Metrics } = {},
): RedisStores {
  const link = new RedisLink(config.redis, logger, metrics && redisMetrics(metrics));
  metrics?.gauge('roomlog_redis_up', 'Whether Redis answers this gateway: 1 or 0.', () => (link.available ? 1 : 0));
  metrics?.gauge('roomlog_redis_circuit', 'Circuit breaker before Redis: 0 closed, 1 half-open, 2 open.', () =>
    ['closed', 'half-open', 'open'].indexOf(link.circuit),
  );
  const gateway = gatewayId(config.gateway.name);
  return {
    circuit: () => link.circuit,
    presence: new RedisPresence({ link, config, gateway, logger, ...(clock === undefined ? {} : { clock }) }),
    ephemeral: new RedisEphemeralBus(link, config.redis),
    connections: new RedisConnectionRegistry(link, config.redis),
  };
}
