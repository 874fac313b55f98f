import { type FastifyInstance, fastify } from 'fastify';
import { decodeJwt } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mintToken } from '../auth/mint-token.ts';
import { registerDemo } from './demo.ts';

const SECRET = 'a secret of at least thirty-two bytes';
let app: FastifyInstance;
let nowMs = 1_800_000_000_000;

beforeEach(() => {
  nowMs = 1_800_000_000_000;
  app = fastify();
  app.setErrorHandler((error: { code?: string }, _request, reply) => void reply.code(403).send({ code: error.code }));
  registerDemo(app, {
    config: { auth: { secret: SECRET, clockToleranceMs: 0, allowedOrigins: [], cookie: '' } },
    clock: { now: () => nowMs, monotonic: () => nowMs },
  });
});
afterEach(() => app.close());

const post = (body: object) => app.inject({ method: 'POST', url: '/demo/token', payload: body });

describe('the demo page', () => {
  it('is served with a strict policy', async () => {
    const response = await app.inject('/demo');
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-security-policy']).toContain("default-src 'none'");
    expect(response.body).not.toMatch(/<script(?![^>]*src=)|style=|\son\w+=/);
  });

  it('gets the client as JavaScript whose every import is served', async () => {
    const seen = new Set<string>();
    const visit = async (path: string): Promise<void> => {
      if (seen.has(path)) return;
      seen.add(path);
      const response = await app.inject(path);
      expect([path, response.statusCode]).toEqual([path, 200]);
      expect(response.headers['content-type']).toContain('javascript');
      for (const [, target = ''] of response.body.matchAll(/^(?:import|export|\})[^;]*? from '([^']+)'/gm)) {
        await visit(new URL(target, `http://x${path}`).pathname);
      }
    };
    await visit('/demo/assets/app.js');
    expect([...seen]).toContain('/demo/assets/client/connection.js');
  });

  it('serves nothing else', async () => {
    for (const path of ['demo.ts', '../demo.ts', 'client/joining.test.js', 'client/testing/scripted-gateway.js']) {
      expect((await app.inject(`/demo/assets/${path}`)).statusCode).toBe(404);
    }
  });
});

describe('a demo token', () => {
  it('covers demo rooms and watching airports, for 15 minutes', async () => {
    const { token, user } = (await post({})).json<{ token: string; user: string }>();
    expect(decodeJwt(token)).toMatchObject({
      sub: user,
      exp: nowMs / 1000 + 900,
      rooms: [
        { pattern: 'demo/**', allow: ['join', 'publish'] },
        { pattern: 'airport/*', allow: ['join'] },
      ],
    });
  });

  it('is renewed for the same user, for a day', async () => {
    const first = (await post({})).json<{ token: string; user: string }>();
    nowMs += 3_600_000;
    const second = (await post({ token: first.token })).json<{ token: string; user: string }>();
    expect(second.user).toBe(first.user);
    nowMs += 2 * 86_400_000;
    expect((await post({ token: second.token })).json()).toEqual({ code: 'unauthorized' });
  });

  it('is never made from a token of another kind', async () => {
    const token = await mintToken(Buffer.from(SECRET), { user: 'root', rooms: [], ttlMs: 60_000, nowMs });
    expect((await post({ token })).json()).toEqual({ code: 'forbidden' });
  });
});
