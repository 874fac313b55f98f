/** What a client may do wrong again and again, and the close that this comes to. */
import type { ErrorCode } from '../../core/errors.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { Strikes } from './strikes.ts';

/** Bad frames within BAD_FRAME_WINDOW_MS that end a connection. */
export const MAX_BAD_FRAMES = 10;
const BAD_FRAME_WINDOW_MS = 60_000;
/** `rate_limited` answers within RATE_WINDOW_MS that end a connection. */
export const MAX_RATE_STRIKES = 500;
const RATE_WINDOW_MS = 10_000;

export interface Verdict {
  readonly code: number;
  readonly reason: string;
}

export class Offences {
  // Made by the first: few clients ever offend.
  #badFrames: Strikes | null = null;
  #rateStrikes: Strikes | null = null;

  /** Notes an error that the client was told; returns the close that it has now earned, else null. @param nowMs monotonic */
  add(code: ErrorCode, nowMs: number): Verdict | null {
    if (code === 'bad_frame') {
      this.#badFrames ??= new Strikes(MAX_BAD_FRAMES, BAD_FRAME_WINDOW_MS);
      const reason = `${MAX_BAD_FRAMES} bad frames in a minute`;
      return this.#badFrames.add(nowMs) ? { code: CLOSE.policyViolation, reason } : null;
    }
    if (code === 'rate_limited') {
      this.#rateStrikes ??= new Strikes(MAX_RATE_STRIKES, RATE_WINDOW_MS);
      const reason = 'the rate limit was broken repeatedly';
      return this.#rateStrikes.add(nowMs) ? { code: CLOSE.rateLimited, reason } : null;
    }
    return null;
  }
}
