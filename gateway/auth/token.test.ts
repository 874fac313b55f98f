import { createHmac, generateKeyPairSync } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { roomId } from '../../core/ids.ts';
import { MAX_TOKEN_LENGTH, TokenVerifier } from './token.ts';

const secret = new TextEncoder().encode('a secret of at least thirty-two bytes');
const nowMs = 1_700_000_000_000;
const nowS = nowMs / 1000;
const clock = { now: () => nowMs, monotonic: () => 0 };
const verifier = new TokenVerifier({ secret, clockToleranceMs: 5_000, clock });
const strict = new TokenVerifier({ secret, clockToleranceMs: 0, clock, issuer: 'https://issuer', audience: 'roomlog' });

const good: JWTPayload = { sub: 'alice', exp: nowS + 60, rooms: [{ pattern: 'r', allow: ['join'] }] };
const sign = (payload: JWTPayload, header: Record<string, unknown> = {}, key: Uint8Array = secret) =>
  new SignJWT(payload).setProtectedHeader({ alg: 'HS256', ...header }).sign(key);

/** A token made by hand, for what no honest library writes. */
function forge(header: object, payload: object, signature: (input: string) => string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${signature(input)}`;
}
const hmac =
  (key: Uint8Array | string, algorithm = 'sha256') =>
  (input: string) =>
    createHmac(algorithm, key).update(input).digest('base64url');

const refusal = expect.objectContaining({ code: 'unauthorized' });

describe('a token', () => {
  test('says who and what', async () => {
    const principal = await verifier.verify(await sign(good, { typ: 'JWT' }));
    expect(principal.user).toBe('alice');
    expect(principal.expiresAt).toBe(nowMs + 60_000);
    expect(principal.permissions.allows('join', roomId('r'))).toBe(true);
    expect(principal.permissions.allows('publish', roomId('r'))).toBe(false);
  });

  test.each([
    [nowS + 0.0005, nowMs],
    [1e300, Number.MAX_SAFE_INTEGER],
    [Number.MAX_VALUE, Number.MAX_SAFE_INTEGER],
  ])('that ends at %d s is told to end at a whole millisecond that every encoding can say', async (exp, expiresAt) => {
    const token = forge({ alg: 'HS256' }, { ...good, exp }, hmac(secret));
    expect((await verifier.verify(token)).expiresAt).toBe(expiresAt);
  });

  test('may be late by the tolerance, no more', async () => {
    await expect(verifier.verify(await sign({ ...good, exp: nowS - 4 }))).resolves.toBeDefined();
    await expect(verifier.verify(await sign({ ...good, exp: nowS - 6 }))).rejects.toEqual(refusal);
    await expect(verifier.verify(await sign({ ...good, nbf: nowS + 4 }))).resolves.toBeDefined();
    await expect(verifier.verify(await sign({ ...good, nbf: nowS + 6 }))).rejects.toEqual(refusal);
  });

  test('needs exp and a sub that is a name', async () => {
    const { exp: _exp, ...withoutExp } = good;
    const { sub: _sub, ...withoutSub } = good;
    await expect(verifier.verify(await sign(withoutExp))).rejects.toEqual(refusal);
    await expect(verifier.verify(await sign(withoutSub))).rejects.toEqual(refusal);
    await expect(verifier.verify(await sign({ ...good, sub: '' }))).rejects.toEqual(refusal);
    await expect(verifier.verify(await sign({ ...good, sub: 'a\nb' }))).rejects.toEqual(refusal);
  });

  test('needs issuer and audience where they are configured', async () => {
    const both = { ...good, iss: 'https://issuer', aud: ['x', 'roomlog'] };
    await expect(strict.verify(await sign(both))).resolves.toBeDefined();
    await expect(strict.verify(await sign({ ...both, iss: 'https://other' }))).rejects.toEqual(refusal);
    await expect(strict.verify(await sign({ ...both, aud: 'other' }))).rejects.toEqual(refusal);
    await expect(strict.verify(await sign(good))).rejects.toEqual(refusal);
  });

  test('of another type is refused', async () => {
    await expect(verifier.verify(await sign(good, { typ: 'logout+jwt' }))).rejects.toEqual(refusal);
    await expect(verifier.verify(await sign(good, { typ: 'application/jwt' }))).resolves.toBeDefined();
  });

  test('with alg none is refused', async () => {
    for (const alg of ['none', 'None', 'NONE']) {
      await expect(verifier.verify(forge({ alg }, good, () => ''))).rejects.toEqual(refusal);
    }
  });

  test('with another HMAC than HS256 is refused, also when its signature is right', async () => {
    await expect(verifier.verify(forge({ alg: 'HS512' }, good, hmac(secret, 'sha512')))).rejects.toEqual(refusal);
    await expect(verifier.verify(forge({ alg: 'HS384' }, good, hmac(secret, 'sha384')))).rejects.toEqual(refusal);
  });

  test('that claims RS256 is refused', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    await expect(verifier.verify(forge({ alg: 'RS256' }, good, hmac(pem)))).rejects.toEqual(refusal);
  });

  test('that brings its own key is refused', async () => {
    const own = new TextEncoder().encode('the attacker’s own secret, long enough');
    const jwk = { kty: 'oct', k: Buffer.from(own).toString('base64url'), alg: 'HS256' };
    const header = { alg: 'HS256', jwk, jku: 'https://evil.example/jwks.json', kid: '../../dev/null' };
    await expect(verifier.verify(forge(header, good, hmac(own)))).rejects.toEqual(refusal);
  });

  test('with an unknown critical header is refused', async () => {
    await expect(verifier.verify(forge({ alg: 'HS256', crit: ['x'], x: 1 }, good, hmac(secret)))).rejects.toEqual(
      refusal,
    );
  });

  test.each(['', 'x', 'a.b.c', '..', 'e30.e30.e30', 'x'.repeat(MAX_TOKEN_LENGTH + 1)])(
    'that is no token is refused (%#)',
    async (text) => {
      await expect(verifier.verify(text)).rejects.toEqual(refusal);
    },
  );

  test('signed with another secret is refused, and the reason does not repeat it', async () => {
    const token = await sign(good, {}, new TextEncoder().encode('another secret of more than 32 bytes'));
    const error: Error = await verifier.verify(token).then(
      () => new Error('accepted'),
      (thrown) => thrown,
    );
    expect(error).toEqual(refusal);
    expect(error.message).not.toContain(token.slice(0, 20));
  });

  test('a secret of less than 32 bytes is refused at start', () => {
    expect(() => new TokenVerifier({ secret: new Uint8Array(31), clockToleranceMs: 0, clock })).toThrow(
      expect.objectContaining({ code: 'config_invalid' }),
    );
  });
});
