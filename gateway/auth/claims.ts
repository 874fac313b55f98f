/** The registered claims of a token that are checked (RFC 7519, section 4.1): who made it, for whom, and when it counts. */
import { RoomlogError } from '../../core/errors.ts';
import type { JsonObject } from './hs256.ts';

export interface Expected {
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly clockToleranceMs: number;
}

/** Returns `exp`, ms since the Unix epoch: a safe integer, however far away it is. Throws `unauthorized`, naming the claim at fault. */
export function checkClaims(claims: JsonObject, nowMs: number, expected: Expected): number {
  const { exp, nbf, iat, iss, aud } = claims;
  const { issuer, audience, clockToleranceMs } = expected;
  // As NumericDate has it: whole seconds of now, so that a token made in this second counts.
  const nowS = Math.floor(nowMs / 1_000);
  const toleranceS = clockToleranceMs / 1_000;
  if (issuer !== undefined && iss !== issuer) throw wrong('iss');
  if (audience !== undefined && !(aud === audience || (Array.isArray(aud) && aud.includes(audience))))
    throw wrong('aud');
  if (iat !== undefined && typeof iat !== 'number') throw wrong('iat');
  if (nbf !== undefined && !(typeof nbf === 'number' && nbf <= nowS + toleranceS)) throw wrong('nbf');
  // JSON can say a number that is none: 1e999.
  if (!Number.isFinite(exp)) throw wrong('exp');
  const until = exp as number;
  if (until <= nowS - toleranceS) throw new RoomlogError('unauthorized', 'The token has expired.');
  return Math.min(Math.floor(until * 1_000), Number.MAX_SAFE_INTEGER);
}

const wrong = (claim: string): RoomlogError =>
  new RoomlogError('unauthorized', `The token’s ${claim} is missing or wrong.`);
