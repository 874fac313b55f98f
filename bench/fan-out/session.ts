/** One contender's server and its members, for as long as it plays: phases at several rates, and what each of them cost. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../../scripts/stack/root.ts';
import { heard } from '../support/child-messages.ts';
import { cpuSeconds, startCpuMeter, startStealMeter } from '../support/cpu.ts';
import { round, summarise } from '../support/latency.ts';
import { pin } from '../support/pin.ts';
import { voidReasons } from '../support/rounds.ts';
import { type Contender, type Server, type Setting, startServer } from './contenders.ts';
import type { ClientsAsked, ClientsJob, ClientsSaid, EventsAsked, EventsSaid, Phase } from './messages.ts';

/** How long the last events may take to arrive, once all are sent: far more than a latency that is allowed. */
const SETTLE_MS = 1_000;
const SETTLED_POLL_MS = 25;
/** A producer that takes so much longer than it should did not offer the rate. */
const LATE_FACTOR = 1.1;
/** A server that has more to write than it can is not waited for. */
const STOP_WITHIN_MS = 5_000;
/** Members that read all they get: enough of them over the whole room, few enough to cost nothing. */
const SAMPLED_MEMBERS = 50;

/** Who gets events. */
export interface Audience {
  readonly rooms: number;
  readonly membersPerRoom: number;
}

export interface Pace {
  readonly perSecond: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export class Session {
  readonly #contender: Contender;
  readonly #audience: Audience;
  readonly #setting: Setting;
  readonly #events: ChildProcess;
  readonly #server: Server;
  #clients: ChildProcess[] = [];

  private constructor(
    contender: Contender,
    audience: Audience,
    setting: Setting,
    events: ChildProcess,
    server: Server,
  ) {
    this.#contender = contender;
    this.#audience = audience;
    this.#setting = setting;
    this.#events = events;
    this.#server = server;
  }

  /** @param events the process of events.ts */
  static async open(
    contender: Contender,
    audience: Audience,
    setting: Setting,
    events: ChildProcess,
  ): Promise<Session> {
    const session = new Session(contender, audience, setting, events, await startServer(contender, setting));
    try {
      await session.#join();
    } catch (thrown) {
      await session.close();
      throw thrown;
    }
    return session;
  }

  get serverPid(): number {
    return this.#server.child.pid as number;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients, this.#server.child].map(end));
  }

  async play({ perSecond, warmUpSeconds, seconds }: Pace): Promise<Phase> {
    const { rooms, membersPerRoom } = this.#audience;
    const serverPid = this.#server.child.pid as number;
    const asked: EventsAsked = {
      rooms,
      perSecond,
      warmUpEvents: Math.ceil(perSecond * warmUpSeconds),
      events: Math.ceil(perSecond * seconds),
    };
    this.#ask({ ask: 'begin' });
    const measuring = heard(this.#events, (said: EventsSaid) => (said.said === 'measuring' ? said : undefined));
    const sent = heard(this.#events, ({ said }: EventsSaid) => (said === 'sent' ? true : undefined));
    this.#events.send(asked);
    const { atMs } = await measuring;
    this.#ask({ ask: 'measure', fromMs: atMs });
    const infrastructure = [...this.#setting.stack.kafka.pids, this.#events.pid as number];
    const readInfrastructure = startCpuMeter(Object.fromEntries(infrastructure.map((pid) => [`${pid}`, pid])));
    const stolenShare = startStealMeter();
    const startedAtMs = performance.now();
    const before = await this.#count();
    const cpuBefore = cpuSeconds(serverPid);
    await sent;
    const sentAfterMs = performance.now() - startedAtMs;
    const infrastructureCpu = Object.values(readInfrastructure()).reduce((sum, share) => sum + share, 0);
    const expected = (asked.warmUpEvents + asked.events) * membersPerRoom;
    const deadline = performance.now() + SETTLE_MS;
    let after = await this.#count();
    while (after.deliveries < expected && performance.now() < deadline) {
      await sleep(SETTLED_POLL_MS);
      after = await this.#count();
    }
    const serverCpuSeconds = cpuSeconds(serverPid) - cpuBefore;
    const elapsedMs = performance.now() - startedAtMs;
    const stolen = stolenShare();
    const results = await this.#results();
    const add = (pick: (one: (typeof results)[number]) => number): number =>
      results.reduce((sum, one) => sum + pick(one), 0);
    const clientsCpu = Math.max(...after.cpuMs.map((ms, index) => (ms - (before.cpuMs[index] ?? 0)) / elapsedMs));
    const brokers = infrastructureCpu / (this.#setting.cores === null ? cpus().length : 1);
    const reasons = voidReasons({ load: clientsCpu, brokers, stolen });
    if (sentAfterMs > seconds * 1_000 * LATE_FACTOR) reasons.push('the producer could not keep the rate');
    return {
      contender: this.#contender,
      rooms,
      membersPerRoom,
      perSecond,
      events: asked.events,
      lost: expected - after.deliveries,
      outOfOrder: add(({ outOfOrder }) => outOfOrder),
      closed: add(({ closed }) => closed),
      deliveredMs: summarise(results.flatMap(({ samplesMs }) => samplesMs)),
      serverCpuSeconds: round(serverCpuSeconds),
      serverCpu: round(serverCpuSeconds / (elapsedMs / 1_000)),
      deliveriesPerCpuSecond: Math.round((after.deliveries - before.deliveries) / serverCpuSeconds),
      bytesPerDelivery: Math.round(add(({ bytes }) => bytes) / Math.max(1, after.deliveries)),
      clientsCpu: round(clientsCpu),
      infrastructureCpu: round(infrastructureCpu),
      stolen,
      void: reasons,
    };
  }

  async #join(): Promise<void> {
    const { cores, token, compression } = this.#setting;
    const { rooms, membersPerRoom } = this.#audience;
    const { dialect, url } = this.#server;
    const processes = Math.min(cores?.clients.length ?? 1, membersPerRoom);
    const shareUpTo = (count: number): number => Math.floor((membersPerRoom * count) / processes);
    await Promise.all(
      Array.from({ length: processes }, async (_, index) => {
        const job: ClientsJob = {
          dialect,
          url,
          token,
          rooms,
          membersPerRoom: shareUpTo(index + 1) - shareUpTo(index),
          sampleEvery: Math.max(1, Math.floor((rooms * membersPerRoom) / SAMPLED_MEMBERS)),
          compression,
        };
        const child = fork(join(ROOT, 'bench/fan-out/clients.ts'), [JSON.stringify(job)]);
        this.#clients.push(child);
        pin(child.pid as number, cores?.clients[index]);
        await heard(child, ({ said }: ClientsSaid) => (said === 'ready' ? true : undefined));
      }),
    );
  }

  #ask(asked: ClientsAsked): void {
    for (const child of this.#clients) child.send(asked);
  }

  async #count(): Promise<{ deliveries: number; cpuMs: readonly number[] }> {
    const answers = this.#clients.map((child) =>
      heard(child, (said: ClientsSaid) => (said.said === 'count' ? said : undefined)),
    );
    this.#ask({ ask: 'count' });
    const counts = await Promise.all(answers);
    return {
      deliveries: counts.reduce((sum, { deliveries }) => sum + deliveries, 0),
      cpuMs: counts.map(({ cpuMs }) => cpuMs),
    };
  }

  #results() {
    const answers = this.#clients.map((child) =>
      heard(child, (said: ClientsSaid) => (said.said === 'result' ? said : undefined)),
    );
    this.#ask({ ask: 'result' });
    return Promise.all(answers);
  }
}

/** A gateway says goodbye to its clients; the others just go. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  if (child.connected) child.disconnect();
  else child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
  await gone;
  clearTimeout(late);
}
