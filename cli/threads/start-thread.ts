/** What both sides of a thread share: its program, its limits, and what it is started with. */
import assert from 'node:assert/strict';
import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads';
import type { SchemaStore } from '../../core/ports/schema-store.ts';
import { LentSchemas, lendSchemas } from './lent-schemas.ts';

/** Records of a fetch live until it was worked off: a small young generation would copy them several times. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 64 } as const;

interface Given {
  readonly setting: unknown;
  readonly schemas: MessagePort;
}

/** @param name of its program in this folder. Sources run as .ts, the package as .js. */
export function startThread(name: string, setting: unknown, schemas: SchemaStore): Worker {
  const script = new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
  const lent = lendSchemas(schemas);
  const given: Given = { setting, schemas: lent };
  return new Worker(script, { workerData: given, transferList: [lent], resourceLimits: THREAD_LIMITS });
}

/** In the thread: the same setting, the port to its parent, and the parent's schemas. */
export function startedWith<Setting>(): {
  readonly port: MessagePort;
  readonly setting: Setting;
  readonly schemas: SchemaStore;
} {
  assert(parentPort !== null, 'it runs as a thread');
  const { setting, schemas } = workerData as Given;
  return { port: parentPort, setting: setting as Setting, schemas: new LentSchemas(schemas) };
}
