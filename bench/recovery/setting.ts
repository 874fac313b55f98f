/** What both recovery benches stand on: Kafka of their own, a gateway process started anew each round, and processes of clients. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Config, configSchema } from '../../core/config/schema.ts';
import { topicsOf } from '../../core/names.ts';
import { mintToken } from '../../gateway/auth/mint-token.ts';
import { nodeFlags } from '../../scripts/stack/node-flags.ts';
import { cpuSeconds, startCpuMeter, startStealMeter } from '../support/cpu.ts';
import { type Cores, pin } from '../support/pin.ts';
import { type Surroundings, voidReasons } from '../support/rounds.ts';
import { startProgram } from '../support/server-process.ts';
import type { BenchStack } from '../support/stack.ts';
import type { Asked, BareWsJob, MembersJob, ReturningJob, Said, Sample } from './messages.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const SECRET = 'a secret for benches that is long enough';
const READY_WITHIN_MS = 120_000;
const POLL_MS = 20;

/** What clients connect to. */
export interface Server {
  readonly url: string;
  readonly pid: number;
  /** A counter or gauge, all its labels together. NaN where it has none. */
  metric(name: string, labels?: string): Promise<number>;
  stop(): Promise<void>;
}

export class Setting {
  readonly config: Config;
  readonly #stack: BenchStack;
  readonly #cores: Cores | null;

  constructor(stack: BenchStack, cores: Cores | null, portBase: number, gateway: Partial<Config['gateway']>) {
    const { prefix, partitions, kafka, registry, redis } = stack.file;
    this.#stack = stack;
    this.#cores = cores;
    this.config = configSchema.parse({
      stream: { prefix, partitions },
      kafka: { brokers: [...kafka.brokers] },
      registry: { url: registry.url },
      redis: { url: redis.url },
      auth: { secret: SECRET },
      gateway: {
        name: 'bench',
        port: portBase + 64,
        adminPort: portBase + 65,
        drainWindowMs: 1,
        maxConnectionsPerUser: 100_000,
        ...gateway,
      },
      log: { level: 'error' },
    });
  }

  token(): Promise<string> {
    const rooms = [{ pattern: 'bench/**', allow: ['join'] as const }];
    return mintToken(Buffer.from(SECRET), { user: 'bench', rooms, ttlMs: 43_200_000, nowMs: Date.now() } as never);
  }

  /** Resolves when it is ready. */
  async startGateway(profileDir: string | null = null): Promise<Server> {
    const { port, adminPort } = this.config.gateway;
    const file = join(this.#stack.stateDir, 'bench-gateway.json');
    writeFileSync(file, JSON.stringify(this.config));
    const profile = profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
    const child = spawn(
      process.execPath,
      [...nodeFlags('gateway'), ...profile, join(root, 'cli/main.ts'), 'gateway', '--config', file],
      {
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    this.#stack.atEnd(() => child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    const pid = child.pid as number;
    const started = performance.now();
    for (;;) {
      const ready = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => null);
      if (ready?.ok === true) break;
      if (child.exitCode !== null || performance.now() - started > READY_WITHIN_MS) {
        throw new Error(`the gateway was not ready (exit code ${child.exitCode})`);
      }
      await sleep(POLL_MS);
    }
    pin(pid, this.#cores?.server);
    return {
      url: `ws://127.0.0.1:${port}/v1/ws`,
      pid,
      metric: async (name, labels = '') => {
        const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
        const lines = text.split('\n').filter((line) => /^[^#{ ]+/.exec(line)?.[0] === name && line.includes(labels));
        return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
      },
      stop: async () => {
        child.kill('SIGTERM');
        await exited;
      },
    };
  }

  /** Bare `ws` in a gateway's place, on its core; resolves when it takes clients. */
  async startBareWs(missed: Pick<BareWsJob, 'rooms' | 'had' | 'behind' | 'payloadBytes'>): Promise<Server> {
    const { gateway, kafka, registry, stream } = this.config;
    const job: BareWsJob = {
      ...missed,
      port: gateway.port,
      brokers: kafka.brokers,
      registry: registry.url,
      topic: topicsOf(stream.prefix).outbound,
      secret: SECRET,
      handshakesPerSecond: gateway.handshakesPerSecond,
      acceptWaitMs: gateway.acceptWaitMs,
    };
    const url = `ws://127.0.0.1:${gateway.port}/`;
    const server = await startProgram({ file: 'recovery/bare-ws.ts', job, url, cores: this.#cores?.server });
    this.#stack.atEnd(() => void server.stop());
    return { url, pid: server.pid, stop: server.stop, metric: () => Promise.resolve(Number.NaN) };
  }

  members(job: MembersJob): Promise<Clients> {
    return this.#fork('members.ts', job, 0);
  }

  returning(job: ReturningJob): Promise<Clients> {
    return this.#fork('returning.ts', job, 1);
  }

  async #fork(file: string, job: object, core: number): Promise<Clients> {
    const child = fork(join(root, 'bench/recovery', file), [JSON.stringify(job)], { serialization: 'advanced' });
    this.#stack.atEnd(() => child.kill('SIGKILL'));
    pin(child.pid as number, this.#cores?.clients[core % this.#cores.clients.length]);
    const clients = new Clients(child);
    await clients.hear('ready');
    return clients;
  }

  /** Starts watching what surrounds the gateway. */
  watch(gateway: Server, clients: readonly Clients[]): () => Watched {
    const pids: Record<string, number> = { gateway: gateway.pid };
    this.#stack.file.kafka.pids.forEach((pid, index) => {
      pids[`kafka-${index + 1}`] = pid;
    });
    for (const [index, { pid }] of clients.entries()) pids[`clients-${index + 1}`] = pid;
    const cpu = startCpuMeter(pids);
    const steal = startStealMeter();
    const gatewayBefore = cpuSeconds(gateway.pid);
    return () => {
      const shares = cpu();
      const of = (what: string): number[] =>
        Object.entries(shares).flatMap(([name, share]) => (name.startsWith(what) ? [share] : []));
      const surroundings = {
        load: Math.max(...of('clients')),
        brokers: of('kafka').reduce((sum, share) => sum + share, 0) / (this.#cores === null ? cpus().length : 1),
        stolen: steal(),
      };
      return {
        surroundings,
        gatewayCpuSeconds: cpuSeconds(gateway.pid) - gatewayBefore,
        gatewayShare: of('gateway')[0] ?? 0,
        voidReasons: voidReasons(surroundings),
      };
    };
  }
}

export interface Watched {
  readonly surroundings: Surroundings;
  readonly gatewayCpuSeconds: number;
  /** Of one core. */
  readonly gatewayShare: number;
  /** Empty where the round counts. */
  readonly voidReasons: readonly string[];
}

type Heard<Kind extends Said['said']> = Extract<Said, { said: Kind }>;

export class Clients {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  hear<Kind extends Said['said']>(kind: Kind): Promise<Heard<Kind>> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`a process of clients ended with ${code}`));
      const onMessage = (message: unknown): void => {
        if ((message as Said).said !== kind) return;
        this.#child.off('exit', onExit);
        this.#child.off('message', onMessage);
        resolve(message as Heard<Kind>);
      };
      this.#child.once('exit', onExit);
      this.#child.on('message', onMessage);
    });
  }

  ask<Kind extends Said['said']>(asked: Asked, kind: Kind): Promise<Heard<Kind>> {
    const answer = this.hear(kind);
    this.#child.send(asked);
    return answer;
  }

  /** Latencies of events that should have been sent between two moments of the machine's clock, ms. */
  async latencies(fromMs: number, toMs: number, collected: Sample[]): Promise<number[]> {
    const { samples, outOfOrder } = await this.ask({ ask: 'samples' }, 'samples');
    if (outOfOrder > 0) throw new Error(`${outOfOrder} events out of order`);
    collected.push(...samples);
    return collected.filter(([at]) => at >= fromMs && at < toMs).map(([, ms]) => ms);
  }

  async stop(): Promise<void> {
    if (!this.#child.connected) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}
