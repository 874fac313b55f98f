/** The processes of a fault run: started by their `Service`, killed, frozen and thawed by name. */
import { type Service, startService, waitReady } from '../../scripts/stack/launch.ts';
import { isAlive, signal, stopProcess, waitForEnd } from '../../scripts/stack/process-identity.ts';
import { type ProcessRecord, readTable, removeProcess } from '../../scripts/stack/process-table.ts';
import type { StatePaths } from '../../scripts/stack/state-dir.ts';
import { freezeProcess } from '../support/freeze.ts';

const GONE_WITHIN_MS = 10_000;

export class Processes {
  readonly #paths: StatePaths;
  readonly #aborted: AbortSignal;
  readonly #services = new Map<string, Service>();
  /** Whose end is nobody's fault: killed or stopped by the run. */
  readonly #ended = new Set<string>();
  readonly #frozen = new Set<string>();

  constructor(paths: StatePaths, aborted: AbortSignal) {
    this.#paths = paths;
    this.#aborted = aborted;
  }

  /** Starts the process, without waiting for it. */
  launch(service: Service): ProcessRecord {
    this.#services.set(service.name, service);
    this.#ended.delete(service.name);
    return startService(service, this.#paths);
  }

  /** Starts the process, and resolves when it is ready. */
  async start(service: Service): Promise<void> {
    await this.ready(service.name, this.launch(service));
  }

  /** Starts a process again that has run before, with its data and ports; resolves when it is ready. */
  async restart(name: string): Promise<void> {
    await this.start(this.service(name));
  }

  async ready(name: string, record: ProcessRecord = this.record(name)): Promise<void> {
    await waitReady(this.service(name), record, this.#aborted);
  }

  isAlive(name: string): boolean {
    const record = readTable(this.#paths).find((entry) => entry.name === name);
    return record !== undefined && isAlive(record);
  }

  /** kill -9; resolves when it is gone. */
  async kill(...names: readonly string[]): Promise<void> {
    for (const name of names) this.#ended.add(name);
    const records = names.map((name) => this.record(name));
    for (const record of records) signal(record, 'SIGKILL');
    for (const record of records) {
      this.#frozen.delete(record.name);
      if (!(await waitForEnd(record, GONE_WITHIN_MS))) throw new Error(`${record.name} outlived SIGKILL`);
    }
  }

  /** SIGTERM; resolves with how long it took, ms, when the process is gone. */
  async stop(name: string): Promise<number> {
    this.#ended.add(name);
    const began = performance.now();
    const outcome = await stopProcess(this.record(name), this.service(name).stopWithinMs);
    if (outcome === 'killed') throw new Error(`${name} did not stop on SIGTERM`);
    return performance.now() - began;
  }

  /** SIGSTOP: connections stay open, nothing answers. Resolves when every thread stands still. */
  async freeze(name: string): Promise<void> {
    const record = this.record(name);
    this.#frozen.add(name);
    await freezeProcess(record);
  }

  thaw(name: string): void {
    signal(this.record(name), 'SIGCONT');
    this.#frozen.delete(name);
  }

  thawAll(): void {
    for (const name of [...this.#frozen]) this.thaw(name);
  }

  /** What ended by itself: a crash. */
  crashed(): string[] {
    return [...this.#services.keys()].filter((name) => !this.#ended.has(name) && !this.isAlive(name));
  }

  /** Brings back whatever is dead or frozen: after a case that ended in the middle of a fault. */
  async restoreAll(): Promise<void> {
    this.thawAll();
    await Promise.all(
      [...this.#services.keys()].filter((name) => !this.isAlive(name)).map((name) => this.restart(name)),
    );
  }

  /** Stops those whose name matches, and forgets them. */
  async stopAll(pattern: RegExp): Promise<void> {
    this.thawAll();
    const names = [...this.#services.keys()].filter((name) => pattern.test(name));
    await Promise.all(
      names.map(async (name) => {
        const record = readTable(this.#paths).find((entry) => entry.name === name);
        if (record !== undefined) await stopProcess(record, this.service(name).stopWithinMs);
        removeProcess(this.#paths, name);
        this.#services.delete(name);
        this.#ended.delete(name);
      }),
    );
  }

  names(pattern: RegExp): string[] {
    return [...this.#services.keys()].filter((name) => pattern.test(name));
  }

  logFile(name: string): string {
    return this.record(name).logFile;
  }

  service(name: string): Service {
    const service = this.#services.get(name);
    if (service === undefined) throw new Error(`no ${name} in this run, but ${[...this.#services.keys()].join(', ')}`);
    return service;
  }

  record(name: string): ProcessRecord {
    const record = readTable(this.#paths).find((entry) => entry.name === name);
    if (record === undefined) throw new Error(`${name} was never started`);
    return record;
  }
}
