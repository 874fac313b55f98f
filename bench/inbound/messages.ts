/** What the bench of inbound tells its processes (one JSON job in argv) and hears from its load process (one JSON line). */
import { fileURLToPath } from 'node:url';
import type { LatencySummary } from '../support/latency.ts';

export const SCHEMAS_DIR = fileURLToPath(new URL('../../schemas', import.meta.url));

export const ENCODINGS = ['json', 'avro'] as const;
export type Encoding = (typeof ENCODINGS)[number];

export interface PeerJob {
  readonly port: number;
  readonly encoding: Encoding;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly partitions: number;
}

export interface LoadJob {
  readonly url: string;
  /** null: nothing is said before the publishes. */
  readonly token: string | null;
  readonly encoding: Encoding;
  readonly connections: number;
  readonly perSecond: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly payloadBytes: number;
  /** Whose CPU time is taken over the measured seconds. */
  readonly serverPid: number;
  readonly brokerPids: readonly number[];
  /** Cores that brokers, and what else is with them, may use. */
  readonly brokerCores: number;
}

export interface LoadResult {
  /** Acks that came in the measured time. */
  readonly acked: number;
  readonly ackedMs: LatencySummary;
  /** Publishes without an ack at the end, and errors. */
  readonly unanswered: number;
  readonly errors: readonly string[];
  readonly serverCpuSeconds: number;
  readonly seconds: number;
  readonly load: number;
  readonly brokers: number;
  readonly stolen: number;
}
