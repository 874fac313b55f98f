/** What a case has in its hands: the running system, its load, and faults that are noted in the history. */
import { setTimeout as delay } from 'node:timers/promises';
import type { LogLine } from '../checker/log-line.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Cluster } from './cluster.ts';
import { dumpLog } from './dump-log.ts';
import type { Random } from './load/random.ts';
import { monotonicMs, type Recorder } from './load/recorder.ts';
import type { Load, Totals } from './load.ts';
import { metricOf, readMetrics } from './metrics.ts';
import type { Network } from './network.ts';
import type { Processes } from './processes.ts';
import type { Roomlog } from './roomlog.ts';

const SEEN_WITHIN_MS = 40_000;
const RECOVERED_WITHIN_MS = 60_000;
const READ_WITHIN_MS = 15_000;

export interface Fault {
  /** In the history and the report, for example `sequencer-killed`. */
  readonly name: string;
  /** Makes the fault; resolves when it is made. */
  make(): Promise<void>;
  /** Evidence from the system itself that it really happened, in a few words; false: not yet. Asked again and again. */
  seen(): Promise<string | false> | string | false;
  /** How long it lasts after it was seen, ms. Default: 0. */
  readonly holdMs?: number;
  /** Takes the fault away; resolves when that is done. Default: nothing to take away. */
  heal?(): Promise<void>;
  /**
   * R counts from here: `begin` where service has to come back though the fault goes on (others take over), `heal` where it
   * can't before.
   */
  readonly recovery: 'begin' | 'heal';
}

/** One fault as it was made. */
export interface MadeFault {
  readonly name: string;
  readonly evidence: string;
  readonly recovery: 'begin' | 'heal';
  readonly beganAt: number;
  /** When service was really disturbed: the same, or later where preparations came first. */
  readonly struckAt: number;
  readonly healedAt: number;
}

export interface WorldParts {
  readonly cluster: Cluster;
  readonly roomlog: Roomlog;
  readonly load: Load;
  readonly recorder: Recorder;
  readonly random: Random;
  readonly seconds: number;
  say(line: string): void;
}

export class World {
  readonly cluster: Cluster;
  readonly roomlog: Roomlog;
  readonly load: Load;
  readonly recorder: Recorder;
  readonly random: Random;
  readonly seconds: number;
  readonly faults: MadeFault[] = [];
  /** Sentences for the report: figures that the case measured. */
  readonly notes: string[] = [];
  /** The outbound log as it was before a case had some of it deleted; see `keepLog`. */
  readonly keptLog: LogLine[] = [];
  /** Sentences that fail the case. */
  readonly problems: string[] = [];
  readonly say: (line: string) => void;
  #beganAt = performance.now();
  #struckAt = 0;

  constructor({ cluster, roomlog, load, recorder, random, seconds, say }: WorldParts) {
    this.cluster = cluster;
    this.roomlog = roomlog;
    this.load = load;
    this.recorder = recorder;
    this.random = random;
    this.seconds = seconds;
    this.say = say;
  }

  /** The seconds count from here. */
  begin(): void {
    this.#beganAt = performance.now();
  }

  get network(): Network {
    return this.cluster.network;
  }

  get processes(): Processes {
    return this.cluster.processes;
  }

  get totals(): Totals {
    return this.load.totals;
  }

  /** Seconds of the case that are left. */
  get secondsLeft(): number {
    return this.seconds - (performance.now() - this.#beganAt) / 1_000;
  }

  /** Does it at least once, and again while there is time. */
  async repeat(what: (round: number) => Promise<void>): Promise<void> {
    for (let round = 1; round === 1 || this.secondsLeft > 0; round++) await what(round);
  }

  /** In `make`, once the fault bites, where that is not its first moment: what is sent from now on meets it, so R counts from here. */
  strike(): void {
    this.#struckAt = monotonicMs();
  }

  /** Makes, proves, holds and heals one fault, then waits until service is back in every partition. */
  async fault(fault: Fault): Promise<MadeFault> {
    const { name, recovery, holdMs = 0 } = fault;
    const beganAt = this.recorder.write({ type: 'fault', fault: name, phase: 'begin' });
    this.#struckAt = beganAt;
    let evidence = '';
    try {
      await fault.make();
      evidence = await waitFor(() => fault.seen(), { what: `evidence of ${name}`, withinMs: SEEN_WITHIN_MS });
    } catch (error) {
      await fault.heal?.().catch(() => {});
      throw error;
    }
    this.recorder.write({ type: 'fault', fault: name, phase: 'seen' });
    await delay(holdMs);
    await fault.heal?.();
    const healedAt = this.recorder.write({ type: 'fault', fault: name, phase: 'heal' });
    const made = { name, evidence, recovery, beganAt, struckAt: this.#struckAt, healedAt };
    this.faults.push(made);
    this.say(`${name}: ${evidence}; healed after ${((healedAt - made.struckAt) / 1_000).toFixed(1)} s`);
    await this.recovered(healedAt);
    return made;
  }

  /** Waits until every partition has acked a publish that was sent after `since` (monotonic ms), and every client is connected. */
  async recovered(since = monotonicMs(), withinMs = RECOVERED_WITHIN_MS): Promise<void> {
    const asleep = (): string[] =>
      this.totals.ackedSentAt.flatMap((sentAt, partition) => (sentAt > since ? [] : [`partition ${partition}`]));
    try {
      await waitFor(() => asleep().length === 0 && this.totals.open === this.totals.clients, {
        what: 'service',
        withinMs: withinMs,
      });
    } catch (cause) {
      const { open, clients } = this.totals;
      const which = asleep().join(', ') || 'every partition works';
      throw new Error(
        `no service within ${withinMs} ms of healing: ${which}; ${open} of ${clients} clients connected`,
        {
          cause,
        },
      );
    }
  }

  /** Reads outbound for the checker, which must see all of it. To be called before any of it is deleted. */
  async keepLog(): Promise<void> {
    this.keptLog.push(...(await dumpLog(this.cluster, this.roomlog)));
  }

  /** Lets so much time pass under load. */
  pass(ms: number): Promise<void> {
    return delay(ms);
  }

  /** Sum of a metric's series with these labels at a process; 0 where it has none, or does not answer. */
  async metric(process: string, name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    try {
      return metricOf(await readMetrics(this.roomlog.admin(process)), name, labels);
    } catch {
      return 0;
    }
  }

  /** The same, over several processes. */
  async metrics(
    processes: readonly string[],
    name: string,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<number> {
    const values = await Promise.all(processes.map((process) => this.metric(process, name, labels)));
    return values.reduce((sum, value) => sum + value, 0);
  }

  /** A sequencer's or gateway's /health. */
  async health<Health>(process: string): Promise<Health> {
    const response = await fetch(`${this.roomlog.admin(process)}/health`, {
      signal: AbortSignal.timeout(READ_WITHIN_MS),
    });
    return (await response.json()) as Health;
  }

  /** What a sequencer says of its partitions; [] where it does not answer. */
  async partitionsOf(sequencer: string): Promise<readonly SequencerPartition[]> {
    try {
      const { owned, partitions } = await this.health<SequencerHealth>(sequencer);
      return partitions.filter(({ partition }) => owned.includes(partition));
    } catch {
      return [];
    }
  }

  /** Waits until living sequencers process every partition. */
  async allOwned(withinMs = RECOVERED_WITHIN_MS): Promise<void> {
    const alive = this.processes.names(/^sequencer-/).filter((name) => this.processes.isAlive(name));
    await this.owned(alive, withinMs);
  }

  /** Waits until these sequencers process every partition between them. */
  async owned(names: readonly string[], withinMs: number): Promise<void> {
    await waitFor(
      async () => {
        const lists = await Promise.all(names.map((name) => this.partitionsOf(name)));
        const working = lists.flat().filter(({ state }) => state === 'processing');
        return new Set(working.map(({ partition }) => partition)).size === this.roomlog.partitions;
      },
      { what: `every partition at ${names.join(', ')}`, withinMs: withinMs },
    );
  }
}

export interface SequencerPartition {
  readonly partition: number;
  readonly state: string;
  readonly epoch: number;
  readonly lastInbound: number;
  readonly waitsFor: string | null;
  readonly appending: boolean;
  readonly error: { readonly code: string; readonly message: string } | null;
}

interface SequencerHealth {
  readonly owned: readonly number[];
  readonly partitions: readonly SequencerPartition[];
}
