/** What is verified here on the spot, against `jose`, which is the judge. */
import { createHmac, createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { type JWTVerifyOptions, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { TokenVerifier } from './token.ts';

const secret = Buffer.from('a secret of at least thirty-two bytes');
const key = createSecretKey(secret);
const nowMs = 1_700_000_000_500;
const nowS = Math.floor(nowMs / 1_000);
const issuer = 'https://issuer';
const audience = 'roomlog';
const clock = { now: () => nowMs, monotonic: () => 0 };
const plain = new TokenVerifier({ secret, clockToleranceMs: 5_000, clock });
const strict = new TokenVerifier({ secret, clockToleranceMs: 0, clock, issuer, audience });

const joseOptions = (more: JWTVerifyOptions): JWTVerifyOptions => ({
  algorithms: ['HS256'],
  currentDate: new Date(nowMs),
  requiredClaims: ['exp', 'sub'],
  ...more,
});
const accepts = (verifying: Promise<unknown>): Promise<boolean> =>
  verifying.then(
    () => true,
    () => false,
  );
const judgements = (token: string) =>
  Promise.all([
    accepts(plain.verify(token)),
    accepts(jwtVerify(token, key, joseOptions({ clockTolerance: 5 }))),
    accepts(strict.verify(token)),
    accepts(jwtVerify(token, key, joseOptions({ clockTolerance: 0, issuer, audience }))),
  ]);

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
function signed(header: unknown, claims: unknown): string {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
}

const time = fc.oneof(
  fc.integer({ min: nowS - 7, max: nowS + 7 }),
  fc.constantFrom<unknown>(undefined, null, `${nowS + 60}`, nowS + 60.5, nowS - 5.5, -1, true),
);
const claims = fc.record({
  sub: fc.constant('alice'),
  exp: fc.oneof(fc.constant(nowS + 60), time),
  nbf: time,
  iat: fc.constantFrom<unknown>(undefined, nowS, nowS - 60, 'x', null),
  iss: fc.constantFrom<unknown>(undefined, issuer, 'https://other', [issuer], 1, null),
  aud: fc.constantFrom<unknown>(undefined, audience, [audience], ['x', audience], [], [[audience]], 'other', 1, null),
});
const header = fc.record({
  alg: fc.constantFrom<unknown>('HS256', 'HS256', 'HS256', 'HS256', 'none', 'HS512', 'hs256', undefined, ['HS256']),
  typ: fc.constantFrom<unknown>(undefined, 'JWT'),
  crit: fc.constantFrom<unknown>(undefined, undefined, undefined, ['b64'], ['exp'], [], 'x'),
  kid: fc.constantFrom<unknown>(undefined, 'k'),
});

test('of tokens with this signature it takes what jose takes', async () => {
  await fc.assert(
    fc.asyncProperty(header, claims, async (head, body) => {
      const [ours, theirs, oursStrict, theirsStrict] = await judgements(signed(head, body));
      expect([ours, oursStrict]).toEqual([theirs, theirsStrict]);
    }),
    { numRuns: 1_500 },
  );
}, 60_000);

test('of tokens changed by a character it takes none that jose does not take, and hardly any at all', async () => {
  const good = signed({ alg: 'HS256', typ: 'JWT' }, { sub: 'alice', exp: nowS + 60, iss: issuer, aud: audience });
  expect(await judgements(good)).toEqual([true, true, true, true]);
  const change = fc.tuple(
    fc.nat(good.length),
    fc.nat(2),
    fc.oneof(fc.constantFrom('.', '=', '-', '_', '+', '/', ' ', 'A', 'é', '\0', ''), fc.string({ maxLength: 3 })),
  );
  await fc.assert(
    fc.asyncProperty(change, async ([at, removed, put]) => {
      const changed = good.slice(0, at) + put + good.slice(at + removed);
      if (changed === good) return;
      const [ours, , oursStrict] = await judgements(changed);
      // jose also takes other spellings of the same signature.
      expect([ours, oursStrict]).toEqual([false, false]);
    }),
    { numRuns: 1_500 },
  );
}, 60_000);

test.each(['[]', '1', 'null', '"x"', '{', '{"exp":1e999,"sub":"alice"}'])(
  'claims that are %s are refused',
  async (text) => {
    const input = `${part({ alg: 'HS256' })}.${Buffer.from(text).toString('base64url')}`;
    const token = `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
    await expect(plain.verify(token)).rejects.toMatchObject({ code: 'unauthorized' });
  },
);
