import { describe, expect, it } from 'vitest';
import { loadConfig } from '../config/load.ts';
import { parseSlowClientRule, SlowClients } from './slow-clients.ts';

describe('rules for slow clients', () => {
  it('are a policy, limits where they are not the default, and a pattern', () => {
    expect(parseSlowClientRule('skip prices/*')).toEqual({
      pattern: 'prices/*',
      policy: 'skip',
      bytes: null,
      timeoutMs: null,
    });
    expect(parseSlowClientRule('close:4096 a: room, with all')).toMatchObject({
      bytes: 4096,
      pattern: 'a: room, with all',
    });
    expect(parseSlowClientRule('catch-up:4096:5000 **')).toMatchObject({ policy: 'catch-up', timeoutMs: 5_000 });
  });

  it('are refused where they say nothing clear', () => {
    for (const text of ['skip', 'skip ', 'drop a', 'skip:0 a', 'skip:1:2:3 a', 'skip:many a', ' skip a', 'skip: a']) {
      expect(parseSlowClientRule(text), text).toBeNull();
    }
    expect(() => loadConfig({ env: { ROOMLOG_GATEWAY_SLOW_CLIENTS: 'skip a/*,drop b' } })).toThrow(/"drop b"/);
  });

  it('count in their order, and leave all other rooms to the default', () => {
    const { gateway } = loadConfig({
      env: { ROOMLOG_GATEWAY_SLOW_CLIENTS: 'close:10:90000 prices/eur, skip:20 prices/**' },
    });
    const slow = new SlowClients(gateway);
    expect(slow.of('prices/eur')).toEqual({ policy: 'close', bytes: 10, timeoutMs: 90_000 });
    expect(slow.of('prices/usd/now')).toEqual({ policy: 'skip', bytes: 20, timeoutMs: gateway.slowClientTimeoutMs });
    expect(slow.of('chat')).toEqual({
      policy: 'catch-up',
      bytes: gateway.slowClientBytes,
      timeoutMs: gateway.slowClientTimeoutMs,
    });
    expect(slow.of('a')).toBe(slow.of('b'));
    expect(slow.longestTimeoutMs).toBe(90_000);
  });
});
