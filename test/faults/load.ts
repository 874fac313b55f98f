/** The load processes of a case: planned, started, paced, drained and ended from here. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { ClientPlan, Command, Progress, Told } from './load/messages.ts';
import { Random } from './load/random.ts';
import type { Roomlog } from './roomlog.ts';

const WORKER = fileURLToPath(new URL('load/worker.ts', import.meta.url));
const CLIENTS_PER_PROCESS = 100;
const OPEN_WITHIN_MS = 90_000;
const END_WITHIN_MS = 15_000;
const ROOMS_PER_PARTITION = 2;
const JOINS_PER_CLIENT = 2;

export interface LoadOptions {
  readonly clients: number;
  readonly publishesPerSecond: number;
  /** Connections lost per second, over all clients. */
  readonly churnPerSecond: number;
  /** Every fourth client takes part in presence. */
  readonly presence: boolean;
}

export type Totals = Omit<Progress, 'told'>;

interface LoadProcess {
  readonly child: ChildProcess;
  progress: Progress | null;
}

export class Load {
  readonly rooms: readonly string[];
  readonly users: readonly string[];
  readonly historyFiles: readonly string[];
  readonly #options: LoadOptions;
  readonly #roomlog: Roomlog;
  readonly #plans: readonly ClientPlan[][];
  readonly #seed: number;
  #processes: LoadProcess[] = [];

  private constructor(
    roomlog: Roomlog,
    options: LoadOptions,
    plans: readonly ClientPlan[][],
    dir: string,
    seed: number,
  ) {
    this.#roomlog = roomlog;
    this.#options = options;
    this.#plans = plans;
    this.#seed = seed;
    this.rooms = roomNames(roomlog.partitions);
    this.users = plans.flat().map(({ user }) => user);
    this.historyFiles = plans.map((_, index) => join(dir, `history.load-${index + 1}.jsonl`));
  }

  static async plan(roomlog: Roomlog, options: LoadOptions, dir: string, seed: number): Promise<Load> {
    const rooms = roomNames(roomlog.partitions);
    const random = new Random(seed);
    const clients: ClientPlan[] = [];
    for (let index = 0; index < options.clients; index++) {
      const user = `user-${index + 1}`;
      const presence = options.presence && index % 4 === 0;
      const own = Array.from({ length: JOINS_PER_CLIENT }, (_, step) => rooms[(index + step * 5) % rooms.length] ?? '');
      clients.push({
        name: `client-${index + 1}`,
        user,
        token: await roomlog.token(user),
        joins: [...new Set(own)].map((room) => ({ room, from: random.next() < 0.5 ? 'start' : 'now', presence })),
        publishes: [random.of(rooms), rooms[index % rooms.length] ?? ''],
        view: index % 2 === 0 ? 'wire' : 'sdk',
      });
    }
    const plans: ClientPlan[][] = [];
    const processes = Math.ceil(clients.length / CLIENTS_PER_PROCESS);
    for (const [index, client] of clients.entries()) {
      const process = index % processes;
      plans[process] ??= [];
      plans[process].push(client);
    }
    return new Load(roomlog, options, plans, dir, seed);
  }

  /** All clients are connected and have joined when it resolves; nothing is published yet. */
  async open(): Promise<void> {
    this.#processes = this.#plans.map((): LoadProcess => {
      const child = fork(WORKER, [], { execArgv: ['--disable-warning=ExperimentalWarning'] });
      const started: LoadProcess = { child, progress: null };
      child.on('message', (told: Told) => {
        if (told.told === 'progress') started.progress = told;
      });
      return started;
    });
    await Promise.all(
      this.#processes.map(({ child }, index) => {
        const plan = {
          process: `load-${index + 1}`,
          urls: this.#roomlog.urls(),
          clients: this.#plans[index] ?? [],
          partitions: this.#roomlog.partitions,
          historyFile: this.historyFiles[index] ?? '',
          seed: this.#seed + index,
        };
        return ask(child, { do: 'open', plan }, 'opened', OPEN_WITHIN_MS);
      }),
    );
  }

  /** Publishes from now on, at this part of the planned pace. */
  run({ publishes = 1, churn = 1 }: { publishes?: number; churn?: number } = {}): void {
    const { publishesPerSecond, churnPerSecond } = this.#options;
    const share = this.#processes.length;
    for (const { child } of this.#processes) {
      child.send({
        do: 'pace',
        publishesPerSecond: (publishesPerSecond * publishes) / share,
        churnPerSecond: (churnPerSecond * churn) / share,
      } satisfies Command);
    }
  }

  pause(): void {
    this.run({ publishes: 0, churn: 0 });
  }

  /** Until every publish has its answer (`heads` null), or every member is at its room's head. Returns what is left. */
  async drain(heads: Readonly<Record<string, number>> | null, withinMs: number): Promise<string[]> {
    const answers = await Promise.all(
      this.#processes.map(({ child }) =>
        ask(child, { do: 'drain', heads, withinMs }, 'drained', withinMs + END_WITHIN_MS),
      ),
    );
    return answers.flatMap(({ left }) => left);
  }

  /** Ends the record, then the clients. Returns what went wrong at them. */
  async end(): Promise<string[]> {
    const answers = await Promise.all(
      this.#processes.map(({ child }) => ask(child, { do: 'end' }, 'ended', END_WITHIN_MS)),
    );
    return answers.flatMap(({ problems }) => problems);
  }

  /** Whatever state it is in. */
  abandon(): void {
    for (const { child } of this.#processes) child.kill('SIGKILL');
    this.#processes = [];
  }

  get totals(): Totals {
    const partitions = this.#roomlog.partitions;
    const seen = this.#processes.flatMap(({ progress }) => (progress === null ? [] : [progress]));
    const sum = (of: (progress: Progress) => number): number => seen.reduce((total, one) => total + of(one), 0);
    const newest = (of: (progress: Progress) => readonly number[]): number[] =>
      Array.from({ length: partitions }, (_, p) => Math.max(0, ...seen.map((one) => of(one)[p] ?? 0)));
    return {
      open: sum(({ open }) => open),
      clients: sum(({ clients }) => clients),
      published: sum(({ published }) => published),
      acked: sum(({ acked }) => acked),
      delivered: sum(({ delivered }) => delivered),
      pending: sum(({ pending }) => pending),
      ackedSentAt: newest(({ ackedSentAt }) => ackedSentAt),
      ackedAt: newest(({ ackedAt }) => ackedAt),
      errors: merge(seen.map(({ errors }) => errors)),
      closes: merge(seen.map(({ closes }) => closes)),
    };
  }
}

/** Some rooms in every partition. */
export function roomNames(partitions: number): string[] {
  const found = Array.from({ length: partitions }, (): string[] => []);
  for (let number = 0; found.some((rooms) => rooms.length < ROOMS_PER_PARTITION); number++) {
    const room = `room/${number}`;
    const rooms = found[partitionOf(room as RoomId, partitions)];
    if (rooms !== undefined && rooms.length < ROOMS_PER_PARTITION) rooms.push(room);
  }
  return Array.from({ length: ROOMS_PER_PARTITION }, (_, index) => found.map((rooms) => rooms[index] ?? '')).flat();
}

function ask<Kind extends Told['told']>(
  child: ChildProcess,
  command: Command,
  answer: Kind,
  withinMs: number,
): Promise<Told & { told: Kind }> {
  return new Promise((resolve, reject) => {
    const done = (finish: () => void): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
      finish();
    };
    const onMessage = (told: Told): void => {
      if (told.told === answer) done(() => resolve(told as Told & { told: Kind }));
    };
    const onExit = (code: number | null): void =>
      done(() => reject(new Error(`a load process ended with ${code} when asked to ${command.do}`)));
    const timer = setTimeout(
      () => done(() => reject(new Error(`a load process did not ${command.do} within ${withinMs} ms`))),
      withinMs,
    );
    child.on('message', onMessage);
    child.on('exit', onExit);
    child.send(command);
  });
}

function merge(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const one of counts) for (const [name, count] of Object.entries(one)) all[name] = (all[name] ?? 0) + count;
  return all;
}
