/** What one config value demands of another, or of its own inside, beyond what its type says. */
import { parseSlowClientRule } from '../limits/slow-clients.ts';
import { MAX_BOUND_EVENTS, readBinding } from './bindings.ts';
import type { Config } from './schema.ts';

export interface Rule {
  /** The keys that the rule reads; it is skipped while one of them is faulty. The first is the one to be blamed. */
  readonly keys: readonly string[];
  /** What to change, or null where all is well. */
  check(config: Config): string | null;
}

const rule = (keys: readonly string[], check: (config: Config) => string | null): Rule => ({ keys, check });

export const RULES: readonly Rule[] = [
  rule(['stream.minInsyncReplicas', 'stream.replicationFactor'], ({ stream }) =>
    stream.minInsyncReplicas <= stream.replicationFactor
      ? null
      : `must be at most stream.replicationFactor (${stream.replicationFactor}), or no write is ever accepted`,
  ),
  rule(['kafka.brokers'], ({ kafka }) => {
    const wrong = kafka.brokers.filter((broker) => !/^(\[[0-9a-fA-F:]+\]|[^:/\s]+):\d{1,5}$/.test(broker));
    return wrong.length === 0 ? null : `each must be host:port, which ${quote(wrong)} is not`;
  }),
  rule(['kafka.maxWaitMs', 'kafka.requestTimeoutMs'], ({ kafka }) =>
    kafka.maxWaitMs < kafka.requestTimeoutMs
      ? null
      : `must be below kafka.requestTimeoutMs (${kafka.requestTimeoutMs}), or idle fetches time out`,
  ),
  rule(['kafka.saslUsername', 'kafka.saslMechanism'], ({ kafka }) =>
    kafka.saslMechanism === 'none' || kafka.saslUsername !== ''
      ? null
      : `is needed for kafka.saslMechanism ${kafka.saslMechanism}`,
  ),
  rule(['kafka.saslPassword', 'kafka.saslMechanism'], ({ kafka }) =>
    kafka.saslMechanism === 'none' || kafka.saslPassword !== undefined
      ? null
      : `is needed for kafka.saslMechanism ${kafka.saslMechanism}`,
  ),
  rule(['registry.url'], ({ registry }) =>
    /^https?:$/.test(new URL(registry.url).protocol) ? null : 'must begin with http:// or https://',
  ),
  rule(['registry.url'], ({ registry }) =>
    new URL(registry.url).username === '' && new URL(registry.url).password === ''
      ? null
      : 'must not hold a login: give registry.username and registry.password, which are never printed',
  ),
  rule(['registry.username', 'registry.password'], ({ registry }) =>
    (registry.username === '') === (registry.password === undefined)
      ? null
      : 'and registry.password must be given together, or neither',
  ),
  rule(['registry.boundEvents'], ({ registry }) => boundEventFault(registry.boundEvents)),
  rule(['redis.url'], ({ redis }) =>
    URL.canParse(redis.url) && /^rediss?:$/.test(new URL(redis.url).protocol)
      ? null
      : 'must be a URL that begins with redis:// or rediss://',
  ),
  rule(['auth.secret', 'auth.secretFile'], ({ auth }) =>
    auth.secret === undefined || auth.secretFile === undefined
      ? null
      : 'and auth.secretFile must not both be given: which one counts would be a guess',
  ),
  rule(['auth.allowedOrigins'], ({ auth }) => {
    const wrong = auth.allowedOrigins.filter((origin) => origin !== '*' && !isOrigin(origin));
    return wrong.length === 0
      ? null
      : `each must be * or an exact origin such as https://app.example (no path, no trailing slash), which ${quote(wrong)} is not`;
  }),
  rule(['auth.cookie', 'auth.allowedOrigins'], ({ auth }) =>
    auth.cookie === '' || !auth.allowedOrigins.includes('*')
      ? null
      : 'must be empty while auth.allowedOrigins has *: any site could act as its visitors',
  ),
  rule(['gateway.pongTimeoutMs', 'gateway.pingIntervalMs'], ({ gateway }) =>
    gateway.pongTimeoutMs < gateway.pingIntervalMs
      ? null
      : `must be below gateway.pingIntervalMs (${gateway.pingIntervalMs})`,
  ),
  rule(['gateway.slowClients'], ({ gateway }) => {
    const wrong = gateway.slowClients.filter((text) => parseSlowClientRule(text) === null);
    return wrong.length === 0
      ? null
      : `each must be a policy (catch-up, close, skip), limits and a pattern, such as "skip:262144 prices/**", which ${quote(wrong)} is not`;
  }),
  rule(['gateway.adminPort', 'gateway.port'], ({ gateway }) =>
    gateway.port === 0 || gateway.port !== gateway.adminPort
      ? null
      : `must differ from gateway.port (${gateway.port}): what is on it must not be public`,
  ),
  rule(['gateway.port', 'gateway.workers'], ({ gateway }) =>
    gateway.workers === 1 || gateway.port !== 0
      ? null
      : `must be a port by number for gateway.workers above 1 (${gateway.workers}): 0 would give each worker another`,
  ),
  rule(['gateway.publishBurst', 'gateway.publishesPerSecond'], ({ gateway }) =>
    gateway.publishBurst >= gateway.publishesPerSecond
      ? null
      : `must be at least gateway.publishesPerSecond (${gateway.publishesPerSecond})`,
  ),
  rule(['gateway.publishBurstBytes', 'gateway.publishBytesPerSecond'], ({ gateway }) =>
    gateway.publishBurstBytes >= gateway.publishBytesPerSecond
      ? null
      : `must be at least gateway.publishBytesPerSecond (${gateway.publishBytesPerSecond})`,
  ),
  rule(['gateway.publishBurstBytes', 'gateway.maxFrameBytes'], ({ gateway }) =>
    gateway.publishBurstBytes >= gateway.maxFrameBytes
      ? null
      : `must be at least gateway.maxFrameBytes (${gateway.maxFrameBytes}), or such a frame is never taken`,
  ),
  rule(['presence.renewMs', 'presence.leaseMs'], ({ presence }) =>
    presence.renewMs * 2 <= presence.leaseMs
      ? null
      : `must be at most half of presence.leaseMs (${presence.leaseMs}), or one late renewal drops everyone`,
  ),
  rule(['sequencer.snapshotEveryMs', 'stream.outboundRetentionMs'], ({ sequencer, stream }) =>
    stream.outboundRetentionMs < 0 || sequencer.snapshotEveryMs * 4 <= stream.outboundRetentionMs
      ? null
      : `must be at most a quarter of stream.outboundRetentionMs (${stream.outboundRetentionMs}), or records are deleted that no snapshot has`,
  ),
  rule(['sequencer.heartbeatIntervalMs', 'sequencer.sessionTimeoutMs'], ({ sequencer }) =>
    sequencer.heartbeatIntervalMs * 3 <= sequencer.sessionTimeoutMs
      ? null
      : `must be at most a third of sequencer.sessionTimeoutMs (${sequencer.sessionTimeoutMs})`,
  ),
];

function boundEventFault(entries: readonly string[]): string | null {
  const wrong = entries.filter((entry) => readBinding(entry) === null);
  if (wrong.length > 0) return `each must be event=subject, which ${quote(wrong)} is not`;
  if (entries.length > MAX_BOUND_EVENTS) return `must have at most ${MAX_BOUND_EVENTS} entries`;
  const events = entries.map((entry) => readBinding(entry)?.event ?? '');
  const twice = events.filter((event, index) => events.indexOf(event) < index);
  return twice.length === 0 ? null : `must name each event once, and has ${quote(twice)} more than once`;
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text;
}

const quote = (values: readonly string[]): string => values.map((value) => JSON.stringify(value)).join(', ');
