/**
 * The `/demo` page and its tokens. Only where `demo.enabled` is set: anyone who reaches the port may have a token for `demo/**`, and
 * watch `airport/*`.
 */
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import { type Clock, systemClock } from '../../core/ports/clock.ts';
import { mintToken } from '../auth/mint-token.ts';
import { TokenVerifier } from '../auth/token.ts';
import { type Asset, loadAssets } from './assets.ts';

export interface DemoOptions {
  readonly config: Pick<Config, 'auth'>;
  readonly clock?: Clock;
}

/** What a demo token allows. */
const ROOMS = [
  { pattern: 'demo/**', allow: ['join', 'publish'] },
  { pattern: 'airport/*', allow: ['join'] },
] as const;
const TOKEN_TTL_MS = 15 * 60_000;
/** How long after its end a token may still be shown to get the next one for the same user, ms. */
const RENEWABLE_MS = 24 * 3_600_000;
const USER_PREFIX = 'demo-';
const MAX_BODY_BYTES = 8_192;

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cache-control': 'no-cache',
};

/** Adds `GET /demo`, `GET /demo/assets/*` and `POST /demo/token`. Throws `config_invalid` without `auth.secret`. */
export function registerDemo(app: FastifyInstance, { config, clock = systemClock }: DemoOptions): void {
  const { auth } = config;
  if (auth.secret === undefined) throw new RoomlogError('config_invalid', 'demo.enabled needs auth.secret.');
  const secret = Buffer.from(auth.secret, 'utf8');
  const renewals = new TokenVerifier({
    secret,
    issuer: auth.issuer,
    audience: auth.audience,
    clockToleranceMs: RENEWABLE_MS,
    clock,
  });
  let assets: ReadonlyMap<string, Asset> | null = null;
  const send = (reply: FastifyReply, path: string): void => {
    assets ??= loadAssets();
    const asset = assets.get(path);
    if (!asset) reply.callNotFound();
    else void reply.headers(HEADERS).type(asset.type).send(asset.body);
  };

  app.get('/demo', (_request, reply) => send(reply, 'index.html'));
  app.get('/demo/', (_request, reply) => void reply.redirect('/demo'));
  app.get<{ Params: { '*': string } }>('/demo/assets/*', (request, reply) => send(reply, request.params['*']));
  app.post('/demo/token', { bodyLimit: MAX_BODY_BYTES }, async (request, reply) => {
    const shown = (request.body as { token?: unknown } | null)?.token;
    const user = typeof shown === 'string' ? await renew(renewals, shown) : newUser();
    const { issuer, audience } = auth;
    const wish = { user, rooms: ROOMS, ttlMs: TOKEN_TTL_MS, nowMs: clock.now(), issuer, audience };
    void reply.headers({ ...HEADERS, 'cache-control': 'no-store' });
    return { user, token: await mintToken(secret, wish) };
  });
}

const newUser = (): string => `${USER_PREFIX}${randomBytes(6).toString('base64url')}`;

/** The user of an earlier demo token. A token of another kind is never turned into a demo one: that would renew it for ever. */
async function renew(verifier: TokenVerifier, token: string): Promise<string> {
  const { user } = await verifier.verify(token);
  if (!user.startsWith(USER_PREFIX)) throw new RoomlogError('forbidden', 'Only demo tokens are renewed here.');
  return user;
}
