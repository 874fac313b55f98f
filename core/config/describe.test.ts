import { expect, it } from 'vitest';
import { configJsonSchema, describeConfig, redactConfig } from './describe.ts';
import { CONFIG_KEYS } from './keys.ts';
import { loadConfig } from './load.ts';

it('docs/configuration.md is what the schema generates (update it with `roomlog config doc` or `vitest -u`)', async () => {
  await expect(describeConfig()).toMatchFileSnapshot('../../docs/configuration.md');
});

it('every key is documented', () => {
  expect(CONFIG_KEYS.filter(({ doc }) => doc === '').map(({ key }) => key)).toEqual([]);
});

it('a print of the configuration shows no secret, and all else', () => {
  const env = {
    ROOMLOG_AUTH_SECRET: 'hush'.repeat(8),
    ROOMLOG_KAFKA_SASL_PASSWORD: 'hush',
    ROOMLOG_REDIS_URL: 'redis://:hush@127.0.0.1',
  };
  const config = loadConfig({ env });
  const printed = redactConfig(config);
  expect(JSON.stringify(printed)).not.toContain('hush');
  expect(printed.auth?.secret).toBe('[redacted]');
  expect(printed.gateway).toEqual(config.gateway);
  expect(config.auth.secret).toBe('hush'.repeat(8));
});

it('gives a JSON schema that refuses unknown keys', () => {
  expect(configJsonSchema()).toMatchObject({ type: 'object', additionalProperties: false });
});
