import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readOptions } from '../../../k6/lib/options.ts';
import { VARIABLES } from '../../../k6/lib/variables.ts';

const SCRIPTS = resolve(import.meta.dirname, '../../../k6');
const SECRET = { ROOMLOG_AUTH_SECRET: 's'.repeat(32) };
const DEFAULTS = { LOAD_CLIENTS: '10', LOAD_RATE: '5', LOAD_DURATION: '30s' } as const;
const read = (env: Record<string, string>) => readOptions({ ...SECRET, ...env }, 'fanout', DEFAULTS);

describe('options of a load script', () => {
  it('are the defaults where nothing is set, or set to nothing', () => {
    expect(read({ LOAD_CLIENTS: '' })).toEqual({
      target: {
        urls: ['ws://127.0.0.1:7400/v1/ws'],
        token: '',
        secret: 's'.repeat(32),
        issuer: '',
        audience: '',
        prefix: 'k6/fanout',
      },
      load: { LOAD_CLIENTS: 10, LOAD_RATE: 5, LOAD_DURATION: 30_000 },
    });
  });

  it('are read in their units', () => {
    const { load } = read({ LOAD_CLIENTS: '300', LOAD_RATE: '0.5', LOAD_DURATION: '2m' });
    expect(load).toEqual({ LOAD_CLIENTS: 300, LOAD_RATE: 0.5, LOAD_DURATION: 120_000 });
  });

  it('may name several gateways', () => {
    expect(read({ ROOMLOG_URL: 'ws://a:1/v1/ws, wss://b/v1/ws' }).target.urls).toEqual([
      'ws://a:1/v1/ws',
      'wss://b/v1/ws',
    ]);
  });

  it.each([
    [{ LOAD_CLIENTS: '0' }, 'LOAD_CLIENTS is "0"; allowed: a whole number from 1 to 200000'],
    [{ LOAD_CLIENTS: '1e3' }, 'LOAD_CLIENTS is "1e3"'],
    [{ LOAD_CLIENTS: '-5' }, 'LOAD_CLIENTS is "-5"'],
    [{ LOAD_RATE: '0' }, 'LOAD_RATE is "0"; allowed: a number above 0'],
    [{ LOAD_RATE: 'NaN' }, 'LOAD_RATE is "NaN"'],
    [{ LOAD_DURATION: '30' }, 'LOAD_DURATION is "30"; allowed: a duration like 500ms, 30s'],
    [{ LOAD_DURATION: '13h' }, 'LOAD_DURATION is "13h"'],
    [{ LOAD_EVENTS: '5' }, 'LOAD_EVENTS is no option of fanout; it takes LOAD_CLIENTS, LOAD_RATE'],
    [{ LOAD_CLEINTS: '5' }, 'LOAD_CLEINTS is no option'],
    [{ LOAD_PREFIX: '@all' }, 'LOAD_PREFIX is "@all"'],
    [{ ROOMLOG_URL: 'http://a/v1/ws' }, 'ROOMLOG_URL has "http://a/v1/ws"'],
    [{ ROOMLOG_URL: 'ws://a' }, 'ROOMLOG_URL has "ws://a"'],
    [{ ROOMLOG_AUTH_SECRET: '' }, 'Neither ROOMLOG_AUTH_SECRET'],
    [{ ROOMLOG_TOKEN: 'x' }, 'Both ROOMLOG_AUTH_SECRET and ROOMLOG_TOKEN'],
    [{ ROOMLOG_AUTH_SECRET: 'short' }, 'ROOMLOG_AUTH_SECRET is shorter than the 32'],
  ])('refuse %j', (env, message) => {
    expect(() => read(env as Record<string, string>)).toThrow(message);
  });

  it('never show the secret', () => {
    expect(() => read({ ROOMLOG_AUTH_SECRET: 'hunter2' })).toThrow(/^(?!.*hunter2)/s);
  });

  it('tell all faults at once', () => {
    expect(() => read({ LOAD_CLIENTS: 'x', LOAD_RATE: 'y' })).toThrow(
      /^2 options are wrong:\n {2}LOAD_CLIENTS.*\n {2}LOAD_RATE/,
    );
  });

  it('have rules between them, asked when each is right by itself', () => {
    const rules = ({ LOAD_CLIENTS }: { LOAD_CLIENTS: number }) => [LOAD_CLIENTS > 5 && 'too many', false] as const;
    expect(() => readOptions(SECRET, 'fanout', DEFAULTS, rules)).toThrow('too many');
    expect(() => readOptions({ LOAD_RATE: 'y', ...SECRET }, 'fanout', DEFAULTS, rules)).not.toThrow('too many');
  });

  it('all stand in k6/README.md, with the scripts', () => {
    const readme = readFileSync(resolve(SCRIPTS, 'README.md'), 'utf8');
    const names = [...Object.keys(VARIABLES), 'LOAD_PREFIX', 'ROOMLOG_URL', 'ROOMLOG_TOKEN', 'ROOMLOG_AUTH_SECRET'];
    const scripts = readdirSync(SCRIPTS).filter((name) => name.endsWith('.ts'));
    const words = [
      ...names,
      'ROOMLOG_AUTH_ISSUER',
      'ROOMLOG_AUTH_AUDIENCE',
      ...scripts.map((name) => name.slice(0, -3)),
    ];
    expect(words.filter((word) => !readme.includes(`| \`${word}\``))).toEqual([]);
    const metrics = readFileSync(resolve(SCRIPTS, 'lib/metrics.ts'), 'utf8').match(/roomlog_[a-z_]+(?=')/g) ?? [];
    expect(metrics.length).toBeGreaterThan(10);
    expect(metrics.filter((metric) => !readme.includes(`| \`${metric}\``))).toEqual([]);
  });
});
