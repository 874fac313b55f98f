/** Makes tokens: for the command line, the demo page and tests. A deployment's own identity service makes the real ones. */
import { SignJWT } from 'jose';
import type { Right } from './permissions.ts';

export interface TokenWish {
  readonly user: string;
  readonly rooms: readonly { readonly pattern: string; readonly allow: readonly Right[] }[];
  readonly ttlMs: number;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  /** ms since the Unix epoch. */
  readonly nowMs: number;
}

/** A JWT (HS256) as docs/protocol.md describes it. `secret`: at least 32 bytes. */
export async function mintToken(secret: Uint8Array, wish: TokenWish): Promise<string> {
  const issuedAt = Math.floor(wish.nowMs / 1000);
  const token = new SignJWT({ rooms: wish.rooms })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(wish.user)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.max(1, Math.ceil(wish.ttlMs / 1000)));
  if (wish.issuer !== undefined) token.setIssuer(wish.issuer);
  if (wish.audience !== undefined) token.setAudience(wish.audience);
  return await token.sign(secret);
}
