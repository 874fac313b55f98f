/** Makes a client's token: a JWT (RFC 7519) signed with HS256, as docs/protocol.md describes it. */
import { hmac } from 'k6/crypto';
import { b64encode } from 'k6/encoding';
import type { Target } from './options.ts';

/** Longer than any run. */
const TTL_S = 24 * 3_600;

export function tokenOf(target: Target, client: number, nowMs: number): string {
  if (target.token !== '') return target.token;
  const issuedAt = Math.floor(nowMs / 1000);
  const claims = {
    sub: `k6-${client}`,
    iat: issuedAt,
    exp: issuedAt + TTL_S,
    rooms: [{ pattern: `${target.prefix}/**`, allow: ['join', 'publish'] }],
    ...(target.issuer === '' ? {} : { iss: target.issuer }),
    ...(target.audience === '' ? {} : { aud: target.audience }),
  };
  const signed = [{ alg: 'HS256', typ: 'JWT' }, claims]
    .map((part) => b64encode(JSON.stringify(part), 'rawurl'))
    .join('.');
  return `${signed}.${hmac('sha256', target.secret, signed, 'base64rawurl')}`;
}
