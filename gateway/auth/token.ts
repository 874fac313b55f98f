/**
 * Tokens: JWT (RFC 7519) with HS256 only, verified as RFC 8725 asks: the algorithm is pinned here and never taken from the
 * token, `typ` must be JWT where present, `exp` is required, `nbf` counts, `iss` and `aud` are checked where configured, and
 * keys embedded in a token (`jwk`, `jku`, `x5c`) are never looked at.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { RoomlogError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { checkUser } from '../../core/names.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { checkClaims } from './claims.ts';
import { readSigned } from './hs256.ts';
import { Permissions } from './permissions.ts';

/** Longer ones are refused unread. */
export const MAX_TOKEN_LENGTH = 16_384;
/** The shortest HS256 secret: as long as the hash (RFC 7518, section 3.2). */
export const MIN_SECRET_BYTES = 32;

/** Who is on a connection and what they may do. */
export interface Principal {
  readonly user: UserId;
  readonly permissions: Permissions;
  /** ms since the Unix epoch. */
  readonly expiresAt: number;
}

export interface TokenOptions {
  readonly secret: Uint8Array;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly clockToleranceMs: number;
  readonly clock: Clock;
}

export class TokenVerifier {
  readonly #key: KeyObject;
  readonly #options: TokenOptions;

  /** Throws `config_invalid` for a secret that is too short. */
  constructor(options: TokenOptions) {
    if (options.secret.byteLength < MIN_SECRET_BYTES) {
      throw new RoomlogError('config_invalid', `auth.secret has less than ${MIN_SECRET_BYTES} bytes.`);
    }
    this.#key = createSecretKey(options.secret);
    this.#options = options;
  }

  /** How long past its `exp` a token is still taken, ms. */
  get toleranceMs(): number {
    return this.#options.clockToleranceMs;
  }

  /** Throws `unauthorized`; the message says what is wrong, never the token. */
  async verify(token: string): Promise<Principal> {
    if (token.length > MAX_TOKEN_LENGTH) throw new RoomlogError('unauthorized', 'The token is too long.');
    const signed = readSigned(token, this.#key);
    if (signed === null) throw new RoomlogError('unauthorized', 'The token is not valid.');
    const { header, claims } = signed;
    if (header.typ !== undefined && !isJwtType(header.typ)) {
      throw new RoomlogError('unauthorized', 'The token’s typ is not JWT.');
    }
    const expiresAt = checkClaims(claims, this.#options.clock.now(), this.#options);
    return { user: readSubject(claims.sub), permissions: new Permissions(claims.rooms), expiresAt };
  }
}

/** Media types compare without case, and may leave `application/` out (RFC 7515, section 4.1.9). */
function isJwtType(typ: unknown): boolean {
  return typeof typ === 'string' && /^(application\/)?jwt$/i.test(typ);
}

function readSubject(sub: unknown): UserId {
  try {
    return checkUser(sub);
  } catch (cause) {
    throw new RoomlogError('unauthorized', 'The token’s sub is not a user name.', { cause });
  }
}
