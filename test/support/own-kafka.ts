/** Kafka brokers of a test's own, to kill, freeze and start again. Their jars come from the local stack's cache. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureArtifacts } from '../../scripts/stack/artifacts.ts';
import { ensureJava } from '../../scripts/stack/java.ts';
import { brokerAddresses, kafkaServices, newClusterId, prepareKafka } from '../../scripts/stack/kafka.ts';
import type { Service } from '../../scripts/stack/launch.ts';
import { freePortBase } from '../../scripts/stack/port-holder.ts';
import { prepareStateDir, statePaths } from '../../scripts/stack/state-dir.ts';

export interface OwnBroker {
  /** As in Kafka's metadata. */
  readonly nodeId: number;
  readonly address: string;
  /** Starts the process; `ready` says when it answers. */
  start(): void;
  ready(): Promise<void>;
  /** Resolves when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP: connections stay open, nothing answers. Resolves when every thread stands still. */
  freeze(): Promise<void>;
  thaw(): void;
}

export interface OwnCluster {
  readonly brokers: readonly OwnBroker[];
  readonly addresses: readonly string[];
  /** Starts all and waits for them. */
  start(): Promise<void>;
  /** Runs one of Kafka's own command-line tools with `input` on its stdin; throws if it fails. */
  tool(mainClass: string, args: readonly string[], input: string): void;
  /** Kills all and removes their data. */
  remove(): Promise<void>;
}

const READY_WITHIN_MS = 90_000;
const POLL_MS = 200;

/** `count` is 1 or 3. */
export async function makeOwnCluster(count: number): Promise<OwnCluster> {
  const java = ensureJava();
  const { kafkaLib } = await ensureArtifacts(java.home, () => {});
  const portBase = await freePortBase();
  const paths = statePaths(mkdtempSync(join(tmpdir(), 'roomlog-own-kafka-')));
  prepareStateDir(paths);
  const plan = { java: java.program, lib: kafkaLib, portBase, brokers: count, clusterId: newClusterId() };
  await prepareKafka(plan, paths);
  const addresses = brokerAddresses(portBase, count);
  const brokers = kafkaServices(plan, paths).map((service, i) => ownBroker(service, i + 1, addresses[i] ?? ''));
  return {
    brokers,
    addresses,
    async start() {
      for (const broker of brokers) broker.start();
      await Promise.all(brokers.map((broker) => broker.ready()));
    },
    tool(mainClass, args, input) {
      const jvm = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${kafkaLib}/*`];
      const { status, stdout, stderr } = spawnSync(java.program, [...jvm, mainClass, ...args], {
        input,
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`${mainClass} failed:\n${stdout}${stderr}`);
    },
    async remove() {
      await Promise.all(brokers.map((broker) => broker.kill()));
      rmSync(paths.root, { recursive: true, force: true });
    },
  };
}

function ownBroker(service: Service, nodeId: number, address: string): OwnBroker {
  let child: ChildProcess | null = null;
  return {
    nodeId,
    address,
    start() {
      const [program = '', ...args] = service.command;
      child = spawn(program, args, { stdio: 'ignore' });
    },
    async ready() {
      const until = Date.now() + READY_WITHIN_MS;
      for (;;) {
        try {
          return await service.ready();
        } catch (error) {
          if (Date.now() > until || !child || child.exitCode !== null) throw error;
          await delay(POLL_MS);
        }
      }
    },
    async kill(signal = 'SIGKILL') {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill(signal);
      await gone;
      child = null;
    },
    async freeze() {
      child?.kill('SIGSTOP');
      while (child && !allThreadsStopped(child.pid ?? 0)) await delay(POLL_MS / 20);
    },
    thaw: () => void child?.kill('SIGCONT'),
  };
}

/** Linux's /proc (proc(5)): the state stands behind the command, which ends with the last parenthesis. */
function allThreadsStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
  });
}
