/**
 * A real stack for tests: found through what the global setup provides, its processes killed and brought back by name.
 * Names are those of `scripts/up`: gateway-1, sequencer-2, kafka-1, registry, redis.
 */
import { readFileSync } from 'node:fs';
import { inject } from 'vitest';
import { mintToken } from '../../gateway/auth/mint-token.ts';
import type { Right } from '../../gateway/auth/permissions.ts';
import { identify, signal, waitForEnd } from '../../scripts/stack/process-identity.ts';
import { readTable } from '../../scripts/stack/process-table.ts';
import { readStackFile, type StackFile, type StackGateway } from '../../scripts/stack/stack-file.ts';
import { restartService } from '../../scripts/stack/start.ts';
import { type StatePaths, statePaths } from '../../scripts/stack/state-dir.ts';
import { freezeProcess } from './freeze.ts';
import { waitFor } from './wait-for.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** State folder of the stack that the global setup started. */
    stateDir: string;
  }
}

const KILL_WITHIN_MS = 10_000;
const RESTART_WITHIN_MS = 60_000;
const TOKEN_TTL_MS = 3_600_000;

export function stateDir(): string {
  return inject('stateDir');
}

/** As stack.json is now: pids change when a process is brought back. */
export function stack(): StackFile {
  const found = readStackFile(paths());
  if (found === null) throw new Error(`no stack runs in ${stateDir()}`);
  return found;
}

/** The gateway with this number, from 1. */
export function gateway(number: number): StackGateway {
  const found = stack().gateways[number - 1];
  if (found === undefined) throw new Error(`the test stack has no gateway-${number}`);
  return found;
}

export interface TokenClaims {
  /** Room patterns; all rooms by default. */
  readonly rooms?: readonly string[];
  readonly allow?: readonly Right[];
  readonly ttlMs?: number;
}

/** A JWT that the stack's gateways accept. */
export async function token(user: string, claims: TokenClaims = {}): Promise<string> {
  const secret = Buffer.from(readFileSync(paths().secretFile, 'utf8').trim());
  const allow = claims.allow ?? ['join', 'publish'];
  const rooms = (claims.rooms ?? ['**']).map((pattern) => ({ pattern, allow: [...allow] }));
  return await mintToken(secret, { user, rooms, ttlMs: claims.ttlMs ?? TOKEN_TTL_MS, nowMs: Date.now() });
}

/** Pid of the named process. */
export function pidOf(name: string): number {
  return record(name).pid;
}

export function logOf(name: string): string {
  return readFileSync(record(name).logFile, 'utf8');
}

/** Stops the process without closing anything; resolves when every thread stands still. `thaw` lets it go on. */
export async function freeze(name: string): Promise<void> {
  await freezeProcess(record(name));
}

export function thaw(name: string): void {
  send(name, 'SIGCONT');
}

/** Sends a signal and returns at once. */
export function send(name: string, sent: NodeJS.Signals): void {
  if (!signal(record(name), sent)) throw new Error(`${name} does not run`);
}

/** Ends the process, by kill -9 unless told otherwise, and returns when it is gone. */
export async function kill(name: string, sent: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  const target = record(name);
  send(name, sent);
  if (!(await waitForEnd(target, KILL_WITHIN_MS))) throw new Error(`${name} outlived ${sent}`);
}

/** Starts the process again with its own data and ports, and returns when it is ready. */
export async function restart(name: string): Promise<void> {
  await restartService(paths(), name, { say: () => {}, aborted: AbortSignal.timeout(RESTART_WITHIN_MS) });
}

/** Brings back whatever is dead, and returns when all gateways take clients: for `afterEach` of tests that break something. */
export async function restoreAll(): Promise<void> {
  for (const { name, pid } of readTable(paths())) if (identify(pid) === null) await restart(name);
  for (const { name, admin } of stack().gateways) {
    await waitFor(async () => (await fetch(`${admin}/ready`)).ok, {
      withinMs: RESTART_WITHIN_MS,
      what: `${name} ready for clients`,
    });
  }
}

function paths(): StatePaths {
  return statePaths(stateDir());
}

function record(name: string): ReturnType<typeof readTable>[number] {
  const table = readTable(paths());
  const found = table.find((entry) => entry.name === name);
  if (found !== undefined) return found;
  throw new Error(`the test stack has no ${name}, but ${table.map((entry) => entry.name).join(', ')}`);
}
