/**
 * The publisher's session: what gives its numbers their meaning. Minted by a gateway, good for 24 h on every gateway, and
 * replaced by this client long before that.
 */
import type { WelcomeFrame } from './frames.ts';

export class Session {
  #id: string | null = null;
  #rotateAtMs = Number.POSITIVE_INFINITY;
  readonly #nowMs: () => number;

  /** `nowMs`: a clock that never goes back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get id(): string | null {
    return this.#id;
  }

  /** Takes what a gateway welcomed us with; true when that is another session than before. */
  welcomed(frame: WelcomeFrame): boolean {
    if (frame.session === this.#id) return false;
    this.#id = frame.session;
    // Both ends are the gateway's clock, so this machine's may be wrong. Half the age: the rest is room for outages.
    this.#rotateAtMs = this.#nowMs() + Math.max(0, frame.sessionExpires - frame.time) / 2;
    return true;
  }

  /** Whether it is time for a new one. */
  get due(): boolean {
    return this.#id !== null && this.#nowMs() >= this.#rotateAtMs;
  }

  /** Forgets it: the next `hello` asks for a new one. */
  end(): void {
    this.#id = null;
    this.#rotateAtMs = Number.POSITIVE_INFINITY;
  }
}
