/** stack.json: the contract by which tools find a running stack. Written when all is ready, removed when it stops. */
import { rmSync } from 'node:fs';
import { readJson, type StatePaths, writeAtomically } from './state-dir.ts';

export interface StackGateway {
  readonly name: string;
  /** Whole URL of the WebSocket endpoint. */
  readonly ws: string;
  /** Public base URL without a path. */
  readonly http: string;
  /** Admin base URL without a path. */
  readonly admin: string;
  readonly pid: number;
}

export interface StackSequencer {
  readonly name: string;
  readonly admin: string;
  readonly pid: number;
}

export interface StackFile {
  readonly version: 1;
  readonly prefix: string;
  readonly partitions: number;
  readonly gateways: readonly StackGateway[];
  readonly sequencers: readonly StackSequencer[];
  /** `pids` is empty where the brokers are somebody else's; else in the order of `brokers`. */
  readonly kafka: { readonly brokers: readonly string[]; readonly pids: readonly number[] };
  /** `url` is the base URL of the Confluent API; `pid` is null where the registry is somebody else's. */
  readonly registry: { readonly url: string; readonly pid: number | null };
  readonly redis: { readonly url: string; readonly pid: number | null };
  readonly topics: {
    readonly inbound: string;
    readonly outbound: string;
    readonly snapshots: string;
    readonly deadletter: string;
  };
}

export function readStackFile(paths: StatePaths): StackFile | null {
  return readJson(paths.stackFile) as StackFile | null;
}

export function writeStackFile(paths: StatePaths, stack: StackFile): void {
  writeAtomically(paths.stackFile, `${JSON.stringify(stack, null, 2)}\n`);
}

export function removeStackFile(paths: StatePaths): void {
  rmSync(paths.stackFile, { force: true });
}
