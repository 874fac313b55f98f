/** Whether this gateway lives, and whether clients should be sent to it. Its own faults only; never a reason to empty all gateways at once. */
export interface Health {
  /** Why no client should be sent here; null when they should. */
  notReady(): string | null;
  /** Whether it has been ready before. */
  readonly wasReady: boolean;
  /** From the stop signal on: load balancers should look elsewhere. */
  readonly draining: boolean;
  /** Whether upgrades are still taken: until load balancers have had time to notice. */
  readonly accepting: boolean;
}

/** `not ready`: was, and isn't any more. */
export type Status = 'ok' | 'starting' | 'not ready' | 'draining';

export function statusOf(health: Health): Status {
  if (health.draining) return 'draining';
  if (health.notReady() === null) return 'ok';
  return health.wasReady ? 'not ready' : 'starting';
}
