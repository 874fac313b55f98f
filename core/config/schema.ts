/**
 * The one config schema: keys, types, defaults, units and docs. `kafka.maxWaitMs` in a file is `ROOMLOG_KAFKA_MAX_WAIT_MS` in
 * the environment and `--kafka-max-wait-ms` on the command line. `docs/configuration.md` is generated from here. What one key
 * demands of another stands in `rules.ts`.
 */
import { z } from 'zod';

/** Longest delay that Node's timers keep; a longer one would fire at once. */
const MAX_TIMER_MS = 2_147_483_647;
const ms = () => z.number().int().positive().max(MAX_TIMER_MS);
/** A length of log time that no timer waits for. */
const age = () => z.number().int().positive();
const count = () => z.number().int().positive();
const bytes = () => z.number().int().positive();
const port = () => z.number().int().min(0).max(65_535);
const list = () => z.array(z.string().min(1));
/** A value that is never printed: `config check` and logs show `[redacted]`. */
const secret = () => z.string().min(1).meta({ secret: true });

export const configSchema = z.strictObject({
  stream: z
    .strictObject({
      prefix: z
        .string()
        .regex(/^[a-zA-Z0-9._-]{1,180}$/)
        .default('roomlog')
        .describe('First part of the topic names: `<prefix>.inbound`, `.outbound`, `.snapshots`, `.deadletter`.'),
      partitions: count()
        .max(4096)
        .default(12)
        .describe('P, of inbound and outbound alike. Fixed for the life of a stream.'),
      replicationFactor: count().max(9).default(3).describe('Used only when topics are created.'),
      minInsyncReplicas: count().max(9).default(2).describe('Used only when topics are created.'),
      inboundRetentionMs: z
        .number()
        .int()
        .min(-1)
        .default(604_800_000)
        .describe('Used only when topics are created; -1 keeps for ever.'),
      outboundRetentionMs: z
        .number()
        .int()
        .min(-1)
        .default(604_800_000)
        .describe(
          'How long history can be read. Rooms keep their seqs for ever: those are in snapshots. Used when topics are created, and for the alarm of overdue snapshots; -1 keeps for ever.',
        ),
    })
    .prefault({}),
  kafka: z
    .strictObject({
      brokers: list().min(1).default(['127.0.0.1:9092']).describe('`host:port` of brokers to start from.'),
      client: z
        .enum(['kafkajs', 'platformatic'])
        .default('kafkajs')
        .describe(
          'The library that carries requests to the brokers: `kafkajs` or `platformatic` (@platformatic/kafka).',
        ),
      clientId: z.string().min(1).default('roomlog').describe('Shown in the brokers’ logs and quotas.'),
      maxWaitMs: ms()
        .max(30_000)
        .default(100)
        .describe(
          'How long a broker may hold back an empty fetch. It answers at once when there is something, so that this is no latency; idle processes use less CPU the longer it is. Fetches sent while partitions are taken on have at most 20 ms; the first partition may wait for one that was sent before.',
        ),
      requestTimeoutMs: ms()
        .default(10_000)
        .describe('A request without an answer after this long has an unknown outcome.'),
      connectionTimeoutMs: ms().default(3_000).describe('To open a connection to a broker.'),
      metadataMaxAgeMs: ms().default(60_000).describe('How old the knowledge of partition leaders may become.'),
      fetchPartitionBytes: bytes()
        .default(1_048_576)
        .describe('Bytes asked for per partition and fetch. Larger ones stall the event loop.'),
      tls: z.boolean().default(false).describe('Talk TLS to the brokers.'),
      saslMechanism: z
        .enum(['none', 'plain', 'scram-sha-256', 'scram-sha-512'])
        .default('none')
        .describe('How to log in to the brokers.'),
      saslUsername: z.string().default('').describe('For `kafka.saslMechanism` other than `none`.'),
      saslPassword: secret().optional().describe('For `kafka.saslMechanism` other than `none`.'),
    })
    .prefault({}),
  registry: z
    .strictObject({
      url: z.url().default('http://127.0.0.1:8081').describe('Base URL of a schema registry with the Confluent API.'),
      username: z.string().default('').describe('Basic authentication; empty for none.'),
      password: secret().optional().describe('Basic authentication.'),
      timeoutMs: ms()
        .default(5_000)
        .describe('A look-up without an answer after this long failed, and is tried again.'),
      boundEvents: list()
        .default([])
        .describe(
          '`event=subject`: `data` of events of that name has to fit the newest schema of that subject, and is stored as Avro; JSON clients write and read JSON. Give all gateways the same.',
        ),
      refreshMs: ms()
        .default(30_000)
        .describe('How often the schemas of `registry.boundEvents` are looked at for new versions.'),
    })
    .prefault({}),
  redis: z
    .strictObject({
      url: secret()
        .default('redis://127.0.0.1:6379')
        .describe('`redis://` or `rediss://` URL. May hold a password, so it is redacted.'),
      prefix: z.string().min(1).default('roomlog').describe('First part of every key and channel.'),
      commandTimeoutMs: ms()
        .default(1_000)
        .describe('A command without an answer after this long failed: presence answers `unavailable`.'),
    })
    .prefault({}),
  auth: z
    .strictObject({
      secret: secret()
        .min(32)
        .optional()
        .describe('HS256 secret, at least 32 bytes. This or `auth.secretFile` is needed by gateways.'),
      secretFile: z.string().optional().describe('File that holds the HS256 secret.'),
      issuer: z.string().optional().describe('Where set, the token’s `iss` must be this.'),
      audience: z.string().optional().describe('Where set, the token’s `aud` must hold this.'),
      clockToleranceMs: z
        .number()
        .int()
        .min(0)
        .default(5_000)
        .describe('Allowed clock difference for `exp` and `nbf`.'),
      allowedOrigins: list()
        .default([])
        .describe(
          'Exact `Origin` values that browsers may connect from; `*` allows any (without cookies). A request without Origin is not a browser’s.',
        ),
      cookie: z.string().default('').describe('Name of a cookie that may carry the token; empty for none.'),
    })
    .prefault({}),
  gateway: z
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
          'What was read of outbound for one who catches up is kept for others who need the same, up to so many bytes: about twice of what the records have in Kafka; and frames built of it, up to half as many. After a gateway is lost, its clients’ ranges should fit.',
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
          'Longest that an event waits to be written together with those behind it: only in rooms with many members and events, or while the event loop is busy. 0: never.',
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
    .prefault({}),
  presence: z
    .strictObject({
      leaseMs: ms().default(10_000).describe('Members of a gateway that stopped renewing are gone after this long.'),
      renewMs: ms().default(3_000).describe('How often a gateway renews its members’ leases.'),
      diffWindowMs: ms().default(200).describe('Joins and leaves within this long become one diff.'),
      maxMembersListed: count().default(1_000).describe('Longest `members` list; `count` is always the whole.'),
    })
    .prefault({}),
  sequencer: z
    .strictObject({
      name: z
        .string()
        .min(1)
        .default('sequencer-1')
        .describe('Unique among running sequencers; shown in logs and metrics.'),
      adminHost: z.string().default('127.0.0.1').describe('Address of the admin port: never expose it.'),
      adminPort: port().default(7405).describe('Admin port: health and metrics.'),
      groupId: z
        .string()
        .default('')
        .describe('Consumer group that shares the partitions; empty: `<prefix>.sequencer`.'),
      sessionTimeoutMs: ms().default(6_000).describe('A silent sequencer loses its partitions after this long.'),
      heartbeatIntervalMs: ms().default(500).describe('How often a sequencer says that it lives.'),
      rebalanceTimeoutMs: ms().default(10_000).describe('How long members have to rejoin in a rebalance.'),
      batchBytes: bytes()
        .default(262_144)
        .describe('Greatest outbound batch per partition; less where many of a process are busy.'),
      sessionMaxAgeMs: age().default(86_400_000).describe('By log time; an older session is `session_unknown`.'),
      keyWindowMs: age().default(86_400_000).describe('By log time; how long an idempotency `key` is remembered.'),
      schemaWaitMs: ms()
        .default(60_000)
        .describe('How long an unknown schema id is looked up before its record is poison.'),
      claimEveryBytes: bytes()
        .default(67_108_864)
        .describe('Outbound bytes of a partition after which it is claimed again.'),
      claimEveryMs: ms().default(3_600_000).describe('Time after which an active partition is claimed again.'),
      canaryIntervalMs: z
        .number()
        .int()
        .min(0)
        .max(3_600_000)
        .default(10_000)
        .describe(
          'How often a canary goes through each owned partition; 0: never. Gateways refuse publishes to a partition in which nothing was sequenced for three intervals, at least 15 s. Sequencers need to write to inbound for it.',
        ),
      snapshotEveryRecords: count()
        .default(100_000)
        .describe('Outbound records of a partition after which its state is written to the snapshots topic.'),
      snapshotEveryMs: ms()
        .default(300_000)
        .describe('Time after which the state of a partition that changed is written to the snapshots topic.'),
    })
    .prefault({}),
  demo: z
    .strictObject({
      enabled: z
        .boolean()
        .default(false)
        .describe('Serve `/demo` and its tokens. Anyone who reaches the port gets one.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info')
        .describe('Least severe level that is logged.'),
      pretty: z.boolean().default(false).describe('Lines for people instead of JSON.'),
    })
    .prefault({}),
});

/** The whole configuration of any Roomlog process, validated, with defaults. */
export type Config = z.infer<typeof configSchema>;
