/**
 * Signed tokens, compact (RFC 7515, section 3.1), by HS256 alone, on the spot: `jose` hands each HMAC to another thread and back, which costs more than all else
 * about accepting a client. `hs256.test.ts` holds the two against each other.
 *
 *     base64url(header) "." base64url(claims) "." base64url(HMAC-SHA-256(secret, all before the second dot))
 */
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Characters of the base64url of 32 bytes. */
const SIGNATURE_LENGTH = 43;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** Header and claims of a token that this key signed; null for anything else, without a reason that could help to forge one. */
export function readSigned(
  token: string,
  key: KeyObject,
): { readonly header: JsonObject; readonly claims: JsonObject } | null {
  const [head = '', body = '', signature = '', ...rest] = token.split('.');
  if (rest.length > 0 || signature.length !== SIGNATURE_LENGTH || !BASE64URL.test(head) || !BASE64URL.test(body))
    return null;
  const expected = createHmac('sha256', key)
    .update(token.slice(0, head.length + 1 + body.length))
    .digest('base64url');
  // Text against text: a signature has one spelling. A character beyond ASCII would make it longer.
  const given = Buffer.from(signature);
  if (given.length !== SIGNATURE_LENGTH || !timingSafeEqual(Buffer.from(expected), given)) return null;
  const header = headerIn(head);
  // The algorithm is known here, never taken from the token; and none of the extensions that `crit` may demand is.
  if (header === null || header.alg !== 'HS256' || header.crit !== undefined) return null;
  const claims = objectIn(body);
  return claims === null ? null : { header, claims };
}

/** The header read last: an application's tokens have the same one. */
let known: { readonly text: string; readonly header: JsonObject | null } = { text: '', header: null };

function headerIn(text: string): JsonObject | null {
  if (known.text !== text) known = { text, header: objectIn(text) };
  return known.header;
}

function objectIn(part: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null;
  } catch {
    return null;
  }
}
