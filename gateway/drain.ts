/**
 * Leaves without a 1006: answers what was asked, then sends the clients elsewhere, spread over a window so that they do not
 * all knock at the next gateway's door at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connections, Member } from './connection/connections.ts';

/** How long a connection's unanswered commands are waited for. */
export const FLUSH_MS = 2_000;
/** How long after the last close frame the sockets may take to go, before they are destroyed. */
export const LINGER_MS = 1_000;
/** Beyond the drain: to leave Kafka and Redis in order, or to wait in vain for what doesn't answer. */
const CLOSE_MS = 60_000;
/** Greatest delay that a client is asked to wait before it connects again. */
const MAX_RECONNECT_DELAY_MS = 1_000;

/** How long a gateway's stop may take before its process ends anyway, ms. */
export function stopTimeoutMs(gateway: { readonly drainDelayMs: number; readonly drainWindowMs: number }): number {
  return gateway.drainDelayMs + gateway.drainWindowMs + FLUSH_MS + LINGER_MS + CLOSE_MS;
}

export interface DrainOptions {
  readonly windowMs: number;
  readonly reason: string;
  readonly flushMs?: number;
  readonly lingerMs?: number;
}

/** Resolves when no socket is left. */
export async function drain(connections: Connections, options: DrainOptions): Promise<void> {
  const { windowMs, reason, flushMs = FLUSH_MS, lingerMs = LINGER_MS } = options;
  const all = [...connections];
  const stepMs = windowMs / Math.max(1, all.length);
  await Promise.all(all.map((connection, index) => sendAway(connection, index * stepMs, flushMs, reason)));
  const patience = new AbortController();
  await Promise.race([connections.empty(), sleep(lingerMs, undefined, patience).catch(() => undefined)]);
  patience.abort();
  for (const connection of [...connections]) connection.terminate();
}

async function sendAway(connection: Member, afterMs: number, flushMs: number, reason: string): Promise<void> {
  await sleep(afterMs);
  await connection.drain(flushMs, Math.round(Math.random() * MAX_RECONNECT_DELAY_MS), reason);
}
