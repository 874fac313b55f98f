/** Kafka brokers of a test's own, to kill, freeze and start again. Their jars come from the local stack's cache. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ensureArtifacts } from '../../scripts/stack/artifacts.ts';
import { ensureJava } from '../../scripts/stack/java.ts';
import { brokerAddresses, kafkaServices, newClusterId, prepareKafka } from '../../scripts/stack/kafka.ts';
import type { Service } from '../../scripts/stack/launch.ts';
import { freePortBase } from '../../scripts/stack/port-holder.ts';
import { prepareStateDir, type StatePaths, statePaths } from '../../scripts/stack/state-dir.ts';
import { freezeProcess } from './freeze.ts';
import { KafkaProxy } from './kafka-proxy.ts';
import { addSecuredListener, type SecuredListener } from './secured-kafka.ts';

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
  /** One before each broker, in the same order, where they were asked for; clients that start from these addresses stay behind them. */
  readonly proxies: readonly KafkaProxy[];
  readonly proxied: readonly string[];
  /** Where it was asked for. */
  readonly secured: SecuredListener | null;
  /** Starts all and waits for them. */
  start(): Promise<void>;
  /** Runs one of Kafka's own command-line tools with `input` on its stdin; rejects if it fails. */
  tool(mainClass: string, args: readonly string[], input: string): Promise<void>;
  /** Kills all and removes their data. */
  remove(): Promise<void>;
}

const READY_WITHIN_MS = 90_000;
const POLL_MS = 200;

/** The port of a broker's second listener, which is advertised as its proxy. */
const proxiedPort = (portBase: number, index: number) => portBase + 20 + index;

/** Adds a second listener, which names the proxy as its address. */
async function putProxyBefore(paths: StatePaths, portBase: number, index: number): Promise<KafkaProxy> {
  const proxy = await KafkaProxy.before(proxiedPort(portBase, index));
  const file = join(paths.configDir, `kafka-${index + 1}.properties`);
  const also: Record<string, string> = {
    listeners: `,PROXIED://127.0.0.1:${proxiedPort(portBase, index)}`,
    'advertised.listeners': `,PROXIED://127.0.0.1:${proxy.port}`,
    'listener.security.protocol.map': ',PROXIED:PLAINTEXT',
  };
  const lines = readFileSync(file, 'utf8').split('\n');
  const changed = lines.map((line) => line + (also[line.slice(0, line.indexOf('='))] ?? ''));
  writeFileSync(file, changed.join('\n'));
  return proxy;
}

/** `count` is 1 or 3. `secured`: the first broker has a listener that wants TLS and a login. */
export async function makeOwnCluster(
  count: number,
  options: { proxied?: boolean; secured?: boolean } = {},
): Promise<OwnCluster> {
  const java = ensureJava();
  const { kafkaLib } = await ensureArtifacts(java.home, () => {});
  const portBase = await freePortBase();
  const paths = statePaths(mkdtempSync(join(tmpdir(), 'roomlog-own-kafka-')));
  prepareStateDir(paths);
  const plan = { java: java.program, lib: kafkaLib, portBase, brokers: count, clusterId: newClusterId() };
  await prepareKafka(plan, paths);
  const addresses = brokerAddresses(portBase, count);
  const wanted = options.proxied ? addresses.keys() : [];
  const proxies = await Promise.all([...wanted].map((index) => putProxyBefore(paths, portBase, index)));
  const secured = options.secured ? await addSecuredListener(java.home, paths, portBase + 30) : null;
  const brokers = kafkaServices(plan, paths).map((service, i) => ownBroker(service, i + 1, addresses[i] ?? ''));
  return {
    brokers,
    addresses,
    proxies,
    secured,
    proxied: proxies.map(({ port }) => `127.0.0.1:${port}`),
    async start() {
      for (const broker of brokers) broker.start();
      await Promise.all(brokers.map((broker) => broker.ready()));
    },
    async tool(mainClass, args, input) {
      const jvm = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${kafkaLib}/*`];
      const running = promisify(execFile)(java.program, [...jvm, mainClass, ...args]);
      running.child.stdin?.end(input);
      await running;
    },
    async remove() {
      await Promise.all([...brokers.map((broker) => broker.kill()), ...proxies.map((proxy) => proxy.close())]);
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
      // Half the time to start, and no test needs a broker that is fast in the long run.
      child = spawn(program, ['-XX:TieredStopAtLevel=1', ...args], { stdio: 'ignore' });
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
      if (child?.pid !== undefined) await freezeProcess(child.pid);
    },
    thaw: () => void child?.kill('SIGCONT'),
  };
}
