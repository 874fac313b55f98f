/** The configuration’s `gateway` keys: a part of the schema (schema.ts). */
import { z } from 'zod';
import { bytes, count, list, ms, port } from './value-types.ts';

export const gatewayKeys = z
  .strictObject({
    name: z.string().min(1).default('gateway-1').describe('Unique among running gateways; shown in `welcome`.'),
    host: z.string().default('127.0.0.1').describe('Address of the public port. In a container: 0.0.0.0.'),
    port: port().default(7400).describe('Public port: WebSocket and HTTP.'),
    adminHost: z.string().default('127.0.0.1').describe('Address of the admin port: never expose it.'),
    adminPort: port().default(7401).describe('Admin port: full health and metrics.'),
    workers: count()
      .max(256)
      .default(1)
      .describe(
        'Gateway processes on the public port, for machines with several cores (Linux only). Each is a gateway of its own, `<name>-1`, `<name>-2`, …, with its own limits, memory and reading of the log; the admin port shows all of them.',
      ),
    maxConnections: count().default(100_000).describe('Above it upgrades get 503 with Retry-After.'),
    maxConnectionsPerAddress: z
      .number()
      .int()
      .min(0)
      .default(10_000)
      .describe(
        'Per remote address (IPv6: per /64); above it upgrades get 429. 0 for no limit: needed behind a proxy, which is one address for all.',
      ),
    maxConnectionsPerUser: count().default(1_000).describe('Above it `hello` is answered by 4429.'),
    handshakesPerSecond: count()
      .default(500)
      .describe(
        'Clients that may connect, and fewer while the event loop is behind; more wait in line for `gateway.acceptWaitMs`, and get 503 with Retry-After beyond that. One that comes back costs about a millisecond with its handshake, hello, join and what it missed: at 500 half of the time is left for those who are live.',
      ),
    joinsPerSecond: count()
      .default(5_000)
      .describe('Joins of all clients; more wait in line, and are answered by `unavailable` beyond that.'),
    acceptWaitMs: ms()
      .default(10_000)
      .describe(
        'Longest wait in line for a handshake or a join at full pace; while the event loop is behind, the line moves slower.',
      ),
    maxFrameBytes: bytes().default(65_536).describe('A larger frame closes with 1009.'),
    maxRoomsPerConnection: count().default(1_000).describe('Above it `join` answers `too_many_rooms`.'),
    helloTimeoutMs: ms().default(10_000).describe('No `hello` within this closes with 4408.'),
    pingIntervalMs: ms().default(30_000).describe('The `heartbeat` of `welcome`.'),
    pongTimeoutMs: ms().default(5_000).describe('No pong within this closes with 4408.'),
    publishesPerSecond: count().default(2_000).describe('Per connection, sustained; above it `rate_limited`.'),
    publishBurst: count().default(4_000).describe('Per connection, at once.'),
    publishBytesPerSecond: bytes()
      .default(16_777_216)
      .describe(
        'Bytes of frames per connection, sustained; a frame above it is not parsed but answered `rate_limited`.',
      ),
    publishBurstBytes: bytes().default(33_554_432).describe('Bytes of frames per connection, at once.'),
    maxPendingPublishes: count()
      .default(50_000)
      .describe(
        'Publishes of this gateway that are not sequenced yet; above it `unavailable`, and from three quarters of it on the sockets that publish are not read. One partition may have half of it, and from a quarter on the sockets that publish there are not read.',
      ),
    maxQueuedBytes: bytes()
      .default(67_108_864)
      .describe(
        'Bytes of publishes that Kafka has not taken yet; above it `unavailable`, and from three quarters of it on the sockets that publish are not read. One partition may have half of it, and from a quarter on the sockets that publish there are not read.',
      ),
    publishTimeoutMs: ms()
      .default(15_000)
      .describe(
        'A publish without an outcome after this long closes its connection with 1013. No more are taken than are answered in a third of it, as far as can be told.',
      ),
    unavailableAfterMs: ms()
      .default(3_000)
      .describe('With no answer from Kafka for this long, publishes are refused with `unavailable`.'),
    ringBytes: bytes().default(8_388_608).describe('Newest outbound bytes kept in memory per partition for joins.'),
    historyBytesPerSecond: bytes()
      .min(1_048_576)
      .default(33_554_432)
      .describe(
        'Bytes of outbound read per second for all who catch up together. More brings them up to date sooner, and takes more time from those who are live.',
      ),
    historyCacheBytes: bytes()
      .default(67_108_864)
      .describe(
        'What was read of outbound for one who catches up is kept for others who need the same, up to so many bytes: a little more than the records have in Kafka; and frames built of it, up to half as many. After a gateway is lost, its clients’ ranges should fit.',
      ),
    maxLast: count().default(1_000).describe('Greatest `last` of a join; more is answered by `bad_frame`.'),
    cursorWaitMs: ms().default(3_000).describe('How long a cursor ahead of this gateway is waited for.'),
    slowClientBytes: bytes()
      .default(1_048_576)
      .describe('Unsent bytes above which a connection leaves the live path and reads the log at its own pace.'),
    slowClientTimeoutMs: ms()
      .default(60_000)
      .describe('A connection that makes no progress for this long is closed with 1013.'),
    slowClients: list()
      .default([])
      .describe(
        'What becomes of such a connection’s member, by room; the first that matches counts: `policy[:bytes[:timeoutMs]] pattern`, as in `skip:262144 prices/**`. `catch-up` (all other rooms): reads the log. `close`: closed with 1013. `skip`: what it has no room for is left out, announced by a `gap`. Patterns are those of a token.',
      ),
    flushWindowMaxMs: z
      .number()
      .int()
      .min(0)
      .max(1_000)
      .default(30)
      .describe(
        'Longest that an event waits to be written together with those behind it: only in rooms with many members and events, or while the event loop is busy; then fetches wait for more, too, up to a third of it. 0: never.',
      ),
    directWrites: z
      .boolean()
      .default(true)
      .describe(
        'Write to sockets past Node’s streams, by a call of Node’s that it does not document, where this Node has it. Costs less CPU a write. Off: every write goes the documented way.',
      ),
    compression: z
      .boolean()
      .default(false)
      .describe(
        'Negotiate permessage-deflate, without context takeover. Events are compressed once per room and flush window, for all members that negotiated it; what clients send may be compressed too.',
      ),
    compressionMinBytes: bytes()
      .default(1_024)
      .describe('Smaller messages are sent as they are, also to clients that negotiated compression.'),
    drainWindowMs: ms().default(5_000).describe('On stop, `reconnect` is spread over this long.'),
    drainDelayMs: z
      .number()
      .int()
      .min(0)
      .default(0)
      .describe('On stop, how long to stay open but not ready, so that load balancers notice.'),
  })
  .prefault({});
