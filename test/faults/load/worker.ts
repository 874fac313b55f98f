/** One load process: some SDK clients, paced by the harness, their history written to a file. Started by `load.ts`. */
import { setTimeout as delay } from 'node:timers/promises';
import { LoadClient, type Tally } from './client.ts';
import type { Command, LoadPlan, Progress, Told } from './messages.ts';
import { Random } from './random.ts';
import { Recorder } from './recorder.ts';

const TICK_MS = 20;
const PROGRESS_MS = 100;
const DRAIN_POLL_MS = 100;
/** Clients that connect and join at once. */
const OPEN_AT_ONCE = 20;
const LEFT_SHOWN = 20;

const say = (told: Told): void => void process.send?.(told);

class Worker {
  readonly #plan: LoadPlan;
  readonly #recorder: Recorder;
  readonly #random: Random;
  readonly #clients: LoadClient[] = [];
  readonly #tally: Tally;
  readonly #timers: NodeJS.Timeout[] = [];
  #publishesPerSecond = 0;
  #churnPerSecond = 0;
  #publishesDue = 0;
  #dropsDue = 0;
  #tickedAt = performance.now();

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#recorder = new Recorder(plan.process, plan.historyFile);
    this.#random = new Random(plan.seed);
    this.#tally = {
      published: 0,
      acked: 0,
      delivered: 0,
      ackedSentAt: Array.from({ length: plan.partitions }, () => 0),
      ackedAt: Array.from({ length: plan.partitions }, () => 0),
      errors: {},
      closes: {},
      problems: [],
    };
  }

  async open(): Promise<void> {
    const { clients, partitions, urls } = this.#plan;
    for (let at = 0; at < clients.length; at += OPEN_AT_ONCE) {
      await Promise.all(
        clients.slice(at, at + OPEN_AT_ONCE).map(async (plan) => {
          let last = '';
          // Never the same gateway twice in a row.
          const pick = (): string => {
            const others = urls.filter((url) => url !== last);
            last = this.#random.of(others.length > 0 ? others : urls);
            return last;
          };
          const client = new LoadClient(plan, pick, partitions, this.#recorder, this.#tally);
          this.#clients.push(client);
          await client.join();
        }),
      );
    }
    this.#timers.push(
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => say(this.#progress()), PROGRESS_MS),
    );
  }

  pace(publishesPerSecond: number, churnPerSecond: number): void {
    this.#publishesPerSecond = publishesPerSecond;
    this.#churnPerSecond = churnPerSecond;
  }

  /** Returns what is left when the time is over. */
  async drain(heads: Readonly<Record<string, number>> | null, withinMs: number): Promise<string[]> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const left =
        heads === null
          ? this.#clients
              .filter(({ sdk }) => sdk.pending > 0)
              .map(({ name, sdk }) => `${name} waits for ${sdk.pending}`)
          : this.#clients.flatMap((client) => client.behind(heads));
      if (left.length === 0 || performance.now() > deadline) return left.slice(0, LEFT_SHOWN);
      await delay(DRAIN_POLL_MS);
    }
  }

  /** Ends the record first, so that the ends of the connections are not in it. */
  async end(): Promise<readonly string[]> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#recorder.close();
    await Promise.race([Promise.all(this.#clients.map(({ sdk }) => sdk.close())), delay(2_000)]);
    return this.#tally.problems;
  }

  #tick(): void {
    const now = performance.now();
    const seconds = (now - this.#tickedAt) / 1_000;
    this.#tickedAt = now;
    // After a stall of this process a burst would only measure the stall.
    this.#publishesDue = Math.min(this.#publishesDue + seconds * this.#publishesPerSecond, this.#publishesPerSecond);
    this.#dropsDue += seconds * this.#churnPerSecond;
    for (; this.#publishesDue >= 1; this.#publishesDue -= 1) this.#random.of(this.#clients).publish();
    for (; this.#dropsDue >= 1; this.#dropsDue -= 1) this.#random.of(this.#clients).drop();
  }

  #progress(): Progress {
    const { published, acked, delivered, ackedSentAt, ackedAt, errors, closes } = this.#tally;
    return {
      told: 'progress',
      open: this.#clients.filter(({ sdk }) => sdk.state.state === 'open').length,
      clients: this.#clients.length,
      pending: this.#clients.reduce((sum, { sdk }) => sum + sdk.pending, 0),
      ...{ published, acked, delivered, ackedSentAt, ackedAt, errors, closes },
    };
  }
}

let worker: Worker | null = null;
process.on('message', (command: Command) => {
  void obey(command).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
// The harness is gone: so is the reason to go on.
process.on('disconnect', () => process.exit(0));

async function obey(command: Command): Promise<void> {
  if (command.do === 'open') {
    worker = new Worker(command.plan);
    await worker.open();
    say({ told: 'opened' });
  } else if (command.do === 'pace') worker?.pace(command.publishesPerSecond, command.churnPerSecond);
  else if (command.do === 'drain') {
    const left = (await worker?.drain(command.heads, command.withinMs)) ?? [];
    say({ told: 'drained', left });
  } else {
    const problems = (await worker?.end()) ?? [];
    say({ told: 'ended', problems });
    process.disconnect();
  }
}
