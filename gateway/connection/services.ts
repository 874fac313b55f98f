/** What every connection of a gateway shares. Built once in `server/edge.ts`. */
import type { Config } from '../../core/config/schema.ts';
import type { GatewayId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ConnectionRegistry } from '../../core/ports/connection-registry.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { TokenVerifier } from '../auth/token.ts';
import type { BoundEvents } from '../binding/bound-events.ts';
import type { PresenceRooms } from '../presence/presence-rooms.ts';
import type { Encodings } from '../protocol/encodings.ts';
import type { EphemeralRooms } from '../publish/ephemeral-rooms.ts';
import type { Publisher } from '../publish/publish.ts';
import type { EdgeMetrics } from '../server/edge-metrics.ts';
import type { RoomStream } from '../stream.ts';
import type { AcceptPace } from './accept-pace.ts';
import type { Connections } from './connections.ts';
import type { HeartbeatTimes } from './heartbeat.ts';
import type { WriteTurn } from './write-turn.ts';

export interface Services {
  readonly gateway: GatewayId;
  readonly limits: Config['gateway'];
  /** How long a session may be used, ms from its minting. */
  readonly sessionMaxAgeMs: number;
  /** `busyTimeoutMs` is the longest that any room bears a client that takes nothing. */
  readonly heartbeat: HeartbeatTimes;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly logger: LogSink;
  readonly metrics: EdgeMetrics;
  readonly verifier: Pick<TokenVerifier, 'verify' | 'toleranceMs'>;
  readonly connections: Connections;
  readonly turn: WriteTurn;
  /** Which gateway holds which connection of which user, over all gateways. */
  readonly registry: ConnectionRegistry;
  /** How fast clients may come. */
  readonly pace: AcceptPace;
  readonly stream: RoomStream;
  readonly publisher: Publisher;
  readonly encodings: Encodings;
  readonly bound: BoundEvents;
  readonly presence: PresenceRooms;
  readonly ephemeral: EphemeralRooms;
}
