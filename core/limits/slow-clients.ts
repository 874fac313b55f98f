/**
 * What becomes of a room's member that can't keep up, by room. The first rule whose pattern matches counts:
 *
 *     close:262144:10000 trades/**       policy[:bytes[:timeoutMs]] pattern
 *
 * The pattern is one of a token's (`room-pattern.ts`); it comes last, since a room's name may hold any other character.
 */
import { compilePattern, type RoomPattern } from '../room-pattern.ts';

/**
 * - `catch-up`: it reads on from the log at its own pace, and comes back.
 * - `close`: its connection is closed with 1013.
 * - `skip`: what it has no room for is left out, and announced by a `gap`.
 */
export const SLOW_POLICIES = ['catch-up', 'close', 'skip'] as const;
export type SlowPolicy = (typeof SLOW_POLICIES)[number];

export interface SlowClientLimits {
  readonly policy: SlowPolicy;
  /** Unsent bytes of the connection above which the member leaves the live path. */
  readonly bytes: number;
  /** Without progress for this long the connection is closed with 1013, whatever the policy. */
  readonly timeoutMs: number;
}

export interface SlowClientRule {
  readonly pattern: string;
  readonly policy: SlowPolicy;
  /** null where the rule leaves it to the default. */
  readonly bytes: number | null;
  readonly timeoutMs: number | null;
}

const RULE = /^(catch-up|close|skip)(?::([1-9]\d{0,9}))?(?::([1-9]\d{0,8}))? +(\S.*)$/s;

/** null where the text is no rule. */
export function parseSlowClientRule(text: string): SlowClientRule | null {
  const [, policy, bytes, timeoutMs, pattern] = RULE.exec(text) ?? [];
  if (policy === undefined || pattern === undefined) return null;
  return {
    pattern,
    policy: policy as SlowPolicy,
    bytes: bytes === undefined ? null : Number(bytes),
    timeoutMs: timeoutMs === undefined ? null : Number(timeoutMs),
  };
}

export interface SlowClientsConfig {
  /** Valid rules; others are passed over. */
  readonly slowClients: readonly string[];
  readonly slowClientBytes: number;
  readonly slowClientTimeoutMs: number;
}

export class SlowClients {
  readonly #rules: ReadonlyArray<readonly [RoomPattern, SlowClientLimits]>;
  readonly #default: SlowClientLimits;

  constructor({ slowClients, slowClientBytes, slowClientTimeoutMs }: SlowClientsConfig) {
    this.#default = { policy: 'catch-up', bytes: slowClientBytes, timeoutMs: slowClientTimeoutMs };
    this.#rules = slowClients
      .map(parseSlowClientRule)
      .filter((rule) => rule !== null)
      .map(({ pattern, policy, bytes, timeoutMs }) => [
        compilePattern(pattern),
        { policy, bytes: bytes ?? slowClientBytes, timeoutMs: timeoutMs ?? slowClientTimeoutMs },
      ]);
  }

  /** The same object for all rooms of a rule. */
  of(room: string): SlowClientLimits {
    for (const [pattern, limits] of this.#rules) if (pattern.matches(room)) return limits;
    return this.#default;
  }

  /** The longest that any member may go without progress, ms: until then its connection is no dead one. */
  get longestTimeoutMs(): number {
    return Math.max(this.#default.timeoutMs, ...this.#rules.map(([, { timeoutMs }]) => timeoutMs));
  }
}
