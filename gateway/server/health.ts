/** Whether this gateway lives, and whether clients should be sent to it. Its own faults only; never a reason to empty all gateways at once. */
export interface Health {
  /** Why no client should be sent here; null when they should. */
  notReady(): string | null;
  /** From the stop signal on: load balancers should look elsewhere. */
  readonly draining: boolean;
  /** Whether upgrades are still taken: until load balancers have had time to notice. */
  readonly accepting: boolean;
}

export type Status = 'ok' | 'starting' | 'draining';

export function statusOf(health: Health): Status {
  if (health.draining) return 'draining';
  return health.notReady() === null ? 'ok' : 'starting';
}
