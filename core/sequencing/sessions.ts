/** How long a session counts, by log time. Nothing here knows what time it is anywhere else. */
/**
 * A session's numbers are forgotten this long after it became too old. Decisions don't need it (an old session is refused
 * before its numbers are looked up); it keeps a sequencer with a slightly larger `sessionMaxAgeMs`, as in a rolling
 * change of configuration, from accepting a number twice.
 */
export const FORGET_AFTER_MS = 3_600_000;
/** How far ahead of log time a session may have been minted: gateways' clocks are not the brokers'. */
export const MAX_SESSION_AHEAD_MS = 3_600_000;

/** Whether a session minted then (`sessionTime`; null: no UUIDv7) counts at this log time: not too old, not from the future. */
export function sessionCounts(mintedAt: number | null, logTime: number, sessionMaxAgeMs: number): mintedAt is number {
  return mintedAt !== null && mintedAt >= logTime - sessionMaxAgeMs && mintedAt <= logTime + MAX_SESSION_AHEAD_MS;
}
