import { describe, expect, it } from 'vitest';
import { RoomlogError } from '../errors.ts';
import { readBindings } from './bindings.ts';
import { CONFIG_KEYS } from './keys.ts';
import { type ConfigFault, type ConfigSources, loadConfig, OTHER_ENV_NAMES } from './load.ts';

const file = (content: unknown): ConfigSources => ({ file: { path: 'roomlog.yaml', content } });

function faultsOf(sources: ConfigSources): ConfigFault[] {
  try {
    loadConfig(sources);
  } catch (thrown) {
    if (thrown instanceof RoomlogError && thrown.code === 'config_invalid')
      return thrown.details.faults as ConfigFault[];
    throw thrown;
  }
  return [];
}

describe('loading the configuration', () => {
  it('gives the defaults where nothing is said', () => {
    expect(loadConfig()).toMatchObject({ stream: { prefix: 'roomlog', partitions: 12 }, kafka: { tls: false } });
    expect(loadConfig(file(null))).toEqual(loadConfig());
    expect(loadConfig(file({ kafka: null, redis: { url: null } }))).toEqual(loadConfig());
  });

  it('lets the environment win over the file and flags over both', () => {
    const content = { kafka: { maxWaitMs: 1, clientId: 'file', requestTimeoutMs: 7_777 } };
    const config = loadConfig({
      ...file(content),
      env: { ROOMLOG_KAFKA_MAX_WAIT_MS: '2', ROOMLOG_KAFKA_CLIENT_ID: 'env', PATH: '/bin' },
      flags: { 'kafka-client-id': 'flag' },
    });
    expect(config.kafka).toMatchObject({ maxWaitMs: 2, clientId: 'flag', requestTimeoutMs: 7_777 });
  });

  it('binds events to subjects, each once', () => {
    const bound = (boundEvents: string[]): ConfigFault[] => faultsOf(file({ registry: { boundEvents } }));
    expect(bound(['order.placed=orders-value', 'a=b=orders-value', 'other = orders-value'])).toEqual([]);
    expect(readBindings(['a=b=c', ' d = e '])).toEqual([
      { event: 'a=b', subject: 'c' },
      { event: 'd', subject: 'e' },
    ]);
    for (const wrong of ['ordered', '=orders', 'ordered=', '']) {
      expect(bound([wrong]).map(({ key }) => key)).toEqual(['registry.boundEvents']);
    }
    expect(bound(['a=b', 'a=c'])[0]?.message).toContain('"a"');
    const env = { ROOMLOG_REGISTRY_BOUND_EVENTS: 'a=b, c=d' };
    expect(loadConfig({ env }).registry.boundEvents).toEqual(['a=b', 'c=d']);
  });

  it('reads lists, booleans and numbers from text', () => {
    const config = loadConfig({
      env: {
        ROOMLOG_KAFKA_BROKERS: 'a:1, b:2,',
        ROOMLOG_KAFKA_TLS: 'true',
        ROOMLOG_STREAM_OUTBOUND_RETENTION_MS: '-1',
      },
      flags: { '--gateway-port': '0', logPretty: true },
    });
    expect(config.kafka).toMatchObject({ brokers: ['a:1', 'b:2'], tls: true });
    expect(config.stream.outboundRetentionMs).toBe(-1);
    expect(config.gateway.port).toBe(0);
    expect(config.log.pretty).toBe(true);
  });

  it('counts an empty environment variable and an absent flag as not set', () => {
    expect(loadConfig({ env: { ROOMLOG_AUTH_SECRET: '' }, flags: { 'auth-secret': undefined } })).toEqual(loadConfig());
  });

  it('takes every key from every source by its name', () => {
    for (const { section, name, env, flag, defaultValue } of CONFIG_KEYS) {
      if (defaultValue === undefined || defaultValue === '' || (Array.isArray(defaultValue) && !defaultValue.length))
        continue;
      const text = String(defaultValue);
      expect(loadConfig({ env: { [env]: text } })).toEqual(loadConfig());
      expect(loadConfig({ flags: { [flag]: text } })).toEqual(loadConfig());
      expect(loadConfig(file({ [section]: { [name]: defaultValue } }))).toEqual(loadConfig());
    }
  });
});

describe('a wrong configuration', () => {
  it('is told whole: every fault of every source, with its place and what is right', () => {
    const faults = faultsOf({
      ...file({ kafka: { brokers: [], maxWaitMs: '20' }, stream: { prefix: 'a b' }, gateway: 7400 }),
      env: { ROOMLOG_GATEWAY_PORT: '99999', ROOMLOG_KAFKA_TLS: 'yes' },
      flags: { 'log-level': 'loud' },
    });
    expect(faults.map(({ key, source }) => `${key} @ ${source}`)).toEqual([
      'gateway @ roomlog.yaml: gateway',
      'kafka.brokers @ roomlog.yaml: kafka.brokers',
      'kafka.maxWaitMs @ roomlog.yaml: kafka.maxWaitMs',
      'stream.prefix @ roomlog.yaml: stream.prefix',
      'gateway.port @ ROOMLOG_GATEWAY_PORT',
      'kafka.tls @ ROOMLOG_KAFKA_TLS',
      'log.level @ --log-level',
    ]);
    const messages = faults.map(({ message }) => message).join('\n');
    expect(messages).toContain('a whole number from 0 to 65535, not "99999"');
    expect(messages).toContain('one of trace, debug, info, warn, error, silent, not "loud"');
    expect(messages).toContain('(without quotes)');
    expect(() => loadConfig({ flags: { 'log-level': 'loud' } })).toThrow(/One fault.*\n.*log\.level must be one of/);
  });

  it('is told for a value that a later source overrides, too', () => {
    expect(faultsOf({ ...file({ gateway: { port: 'x' } }), flags: { 'gateway-port': '1' } })).toHaveLength(1);
  });

  it('names the nearest known name for an unknown one', () => {
    const faults = faultsOf({
      ...file({ kafak: {}, kafka: { maxWait: 5 }, nonsense: 1 }),
      env: { ROOMLOG_KAFKA_MAX_WAITS_MS: '5', ROOMLOG_FROBNICATED: '1' },
      flags: { 'kafka-maxwait-ms': 5 },
    });
    expect(faults.map(({ message }) => /did you mean (.*)\?/.exec(message)?.[1])).toEqual([
      'kafka',
      'kafka.maxWaitMs',
      undefined,
      'ROOMLOG_KAFKA_MAX_WAIT_MS',
      undefined,
      '--kafka-max-wait-ms',
    ]);
  });

  it('never shows a secret', () => {
    const secret = 'too-short';
    const [fault] = faultsOf({ env: { ROOMLOG_AUTH_SECRET: secret } });
    expect(fault?.message).toBe('must be text of at least 32 characters');
    expect(JSON.stringify(faultsOf({ flags: { 'redis-url': 'http://:hush@x' } }))).not.toContain('hush');
  });

  it.each([
    [{ presence: { renewMs: 6_000 } }, 'presence.renewMs', 'half of presence.leaseMs (10000)'],
    [{ stream: { replicationFactor: 1 } }, 'stream.minInsyncReplicas', 'at most stream.replicationFactor (1)'],
    [{ gateway: { adminPort: 7400 } }, 'gateway.adminPort', 'differ from gateway.port'],
    [{ kafka: { brokers: ['kafka'] } }, 'kafka.brokers', '"kafka" is not'],
    [{ kafka: { saslMechanism: 'plain', saslUsername: 'u' } }, 'kafka.saslPassword', 'is needed'],
    [{ registry: { username: 'u' } }, 'registry.username', 'given together'],
    [{ redis: { url: 'localhost' } }, 'redis.url', 'redis://'],
    [{ auth: { allowedOrigins: ['https://a.example/'] } }, 'auth.allowedOrigins', 'no trailing slash'],
    [{ auth: { allowedOrigins: ['*'], cookie: 'token' } }, 'auth.cookie', 'must be empty'],
    [{ auth: { secret: 'x'.repeat(32), secretFile: '/s' } }, 'auth.secret', 'not both'],
    [{ sequencer: { heartbeatIntervalMs: 3_000 } }, 'sequencer.heartbeatIntervalMs', 'a third'],
    [{ gateway: { pingIntervalMs: 5_000 } }, 'gateway.pongTimeoutMs', 'below gateway.pingIntervalMs'],
    [{ kafka: { requestTimeoutMs: 10 } }, 'kafka.maxWaitMs', 'below kafka.requestTimeoutMs'],
    [{ registry: { url: 'http://me:hush@x' } }, 'registry.url', 'must not hold a login'],
    [{ registry: { url: 'ftp://x' } }, 'registry.url', 'http://'],
  ])('is refused where values contradict each other: %j', (content, key, message) => {
    const faults = faultsOf(file(content));
    expect(faults.map((fault) => fault.key)).toEqual([key]);
    expect(faults[0]?.message).toContain(message);
  });

  it('refuses a delay that no timer keeps', () => {
    expect(faultsOf({ flags: { 'presence-lease-ms': 2_147_483_648 } })).toHaveLength(1);
  });

  it('explains the names that Kubernetes makes for Services', () => {
    const faults = faultsOf({
      env: {
        ROOMLOG_GATEWAY_PORT: 'tcp://10.0.0.1:80',
        ROOMLOG_GATEWAY_SERVICE_HOST: '10.0.0.1',
        ROOMLOG_PORT_80_TCP: 'x',
      },
    });
    expect(faults.map(({ message }) => message.includes('enableServiceLinks'))).toEqual([true, true, true]);
  });

  it('leaves alone what is not its own', () => {
    const env = Object.fromEntries(OTHER_ENV_NAMES.map((name) => [name, 'x']));
    expect(faultsOf({ env: { ...env, ROOMLOG_TEST_ANYTHING: '1', HOME: '/' } })).toEqual([]);
  });

  it('is refused when the file is not a map', () => {
    expect(faultsOf(file(['kafka']))).toMatchObject([{ key: 'The file', source: 'roomlog.yaml' }]);
  });
});
