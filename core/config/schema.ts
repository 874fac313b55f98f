/**
 * The one config schema: keys, types, defaults, units and docs. `kafka.maxWaitMs` in a file is `ROOMLOG_KAFKA_MAX_WAIT_MS` in
 * the environment and `--kafka-max-wait-ms` on the command line. `docs/configuration.md` is generated from here, the `gateway` keys in `gateway-keys.ts`. What one key
 * demands of another stands in `rules.ts`.
 */
import { z } from 'zod';
import { gatewayKeys } from './gateway-keys.ts';
import { age, bytes, count, list, ms, port, secret } from './value-types.ts';

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
  gateway: gatewayKeys,
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
