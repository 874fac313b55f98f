import { describe, expect, it } from 'vitest';
import { configSchema } from '../../core/config/schema.ts';
import { javaMajor } from './java.ts';
import { newClusterId } from './kafka.ts';
import { describeStack } from './plan.ts';
import { configEnvironment, externalServices, type StackSettings } from './settings.ts';

const none = { kafkaBrokers: null, registryUrl: null, redisUrl: null };
const settings: StackSettings = {
  portBase: 7400,
  brokers: 1,
  gateways: 2,
  sequencers: 1,
  clusterId: 'x',
  external: none,
  environment: {},
};
const config = configSchema.parse({
  kafka: { brokers: ['127.0.0.1:7450'] },
  registry: { url: 'http://127.0.0.1:7460/apis/ccompat/v7' },
  redis: { url: 'redis://127.0.0.1:7462' },
});

describe('what stack.json says', () => {
  it('names every process with its URLs and pid', () => {
    const names = ['kafka-1', 'registry', 'redis', 'sequencer-1', 'gateway-1', 'gateway-2'];
    const table = names.map((name, index) => ({ name, pid: index + 1, startTicks: 0, logFile: '' }));
    expect(describeStack(settings, config, table)).toEqual({
      version: 1,
      prefix: 'roomlog',
      partitions: 12,
      gateways: [
        {
          name: 'gateway-1',
          ws: 'ws://127.0.0.1:7400/v1/ws',
          http: 'http://127.0.0.1:7400',
          admin: 'http://127.0.0.1:7401',
          pid: 5,
        },
        {
          name: 'gateway-2',
          ws: 'ws://127.0.0.1:7402/v1/ws',
          http: 'http://127.0.0.1:7402',
          admin: 'http://127.0.0.1:7403',
          pid: 6,
        },
      ],
      sequencers: [{ name: 'sequencer-1', admin: 'http://127.0.0.1:7432', pid: 4 }],
      kafka: { brokers: ['127.0.0.1:7450'], pids: [1] },
      registry: { url: 'http://127.0.0.1:7460/apis/ccompat/v7', pid: 2 },
      redis: { url: 'redis://127.0.0.1:7462', pid: 3 },
      topics: {
        inbound: 'roomlog.inbound',
        outbound: 'roomlog.outbound',
        snapshots: 'roomlog.snapshots',
        deadletter: 'roomlog.deadletter',
      },
    });
  });

  it('lists the pids of several brokers in the order of the brokers', () => {
    const table = ['kafka-3', 'kafka-1', 'kafka-2'].map((name, index) => ({
      name,
      pid: index,
      startTicks: 0,
      logFile: '',
    }));
    expect(describeStack({ ...settings, brokers: 3 }, config, table).kafka.pids).toEqual([1, 2, 0]);
  });

  it('has no pid for services of somebody else', () => {
    const found = describeStack({ ...settings, gateways: 0, sequencers: 0 }, config, []);
    expect(found).toMatchObject({ kafka: { pids: [] }, registry: { pid: null }, redis: { pid: null } });
  });
});

describe('services of somebody else', () => {
  it('are taken from the environment, without blanks and closing slashes', () => {
    expect(
      externalServices({
        ROOMLOG_KAFKA_BROKERS: 'a:9092, b:9092,',
        ROOMLOG_REGISTRY_URL: 'http://r/api/',
        ROOMLOG_REDIS_URL: 'redis://x',
      }),
    ).toEqual({ kafkaBrokers: ['a:9092', 'b:9092'], registryUrl: 'http://r/api', redisUrl: 'redis://x' });
  });

  it('are none where the environment says nothing, or nothing but blanks', () => {
    expect(externalServices({ ROOMLOG_KAFKA_BROKERS: ' ', ROOMLOG_REDIS_URL: '' })).toEqual(none);
  });
});

describe('configuration by environment', () => {
  it('is what is neither a script’s own, nor a test’s, nor in the generated files', () => {
    const given = {
      PATH: '/bin',
      ROOMLOG_LOG_LEVEL: 'debug',
      ROOMLOG_STREAM_PREFIX: 'other',
      ROOMLOG_AUTH_ISSUER: '',
      ROOMLOG_CACHE_DIR: '/c',
      ROOMLOG_KAFKA_BROKERS: 'a:1',
      ROOMLOG_NO_SKIP: '1',
      ROOMLOG_TEST_RUN: 'x',
      ROOMLOG_YES: '1',
    };
    expect(configEnvironment(given)).toEqual({ ROOMLOG_LOG_LEVEL: 'debug', ROOMLOG_STREAM_PREFIX: 'other' });
  });
});

describe('java -version', () => {
  it.each([
    ['openjdk version "17.0.15" 2025-04-15', 17],
    ['openjdk version "21" 2023-09-19', 21],
    ['java version "1.8.0_292"', 8],
    ['no such thing', null],
  ])('of %s is %s', (output, major) => {
    expect(javaMajor(output)).toBe(major);
  });
});

describe('a cluster id', () => {
  it('is 22 characters and never looks like an option', () => {
    for (let index = 0; index < 500; index += 1) expect(newClusterId()).toMatch(/^[\w][\w-]{21}$/);
  });
});
