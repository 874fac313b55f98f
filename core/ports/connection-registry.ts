/**
 * Which connections a user has, on which gateways. It holds only what may be lost. Implementations:
 * `adapters/redis/connections.ts`, `adapters/memory/connections.ts`.
 */
import type { ConnectionId, GatewayId, UserId } from '../ids.ts';

export interface ConnectionEntry {
  readonly user: UserId;
  readonly connection: ConnectionId;
  readonly gateway: GatewayId;
  /** ms since the Unix epoch, by the gateway's clock. */
  readonly since: number;
}

export interface ConnectionRegistry {
  /** Enters a connection of this gateway. Never throws for an unreachable store: it is entered when that is back. */
  add(entry: ConnectionEntry): Promise<void>;
  remove(user: UserId, connection: ConnectionId): Promise<void>;
  /** The user's connections on all living gateways. Throws `redis_unreachable`. */
  of(user: UserId): Promise<readonly ConnectionEntry[]>;
  readonly available: boolean;
  start(): Promise<void>;
  /** Takes back all of this gateway's connections. */
  stop(): Promise<void>;
}
