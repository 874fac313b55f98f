/** A Kafka broker of a test's own, to kill, stop and start again. Its jars come from the local stack's cache. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureArtifacts } from '../../scripts/stack/artifacts.ts';
import { ensureJava } from '../../scripts/stack/java.ts';
import { brokerAddresses, kafkaServices, newClusterId, prepareKafka } from '../../scripts/stack/kafka.ts';
import { freePortBase } from '../../scripts/stack/port-holder.ts';
import { prepareStateDir, statePaths } from '../../scripts/stack/state-dir.ts';

export interface OwnBroker {
  readonly addresses: readonly string[];
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** Resolves when the process is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP: connections stay open, nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Runs one of Kafka's own command-line tools with `input` on its stdin; throws if it fails. */
  tool(mainClass: string, args: readonly string[], input: string): void;
  /** Kills it and removes its data. */
  remove(): Promise<void>;
}

const READY_WITHIN_MS = 60_000;
const POLL_MS = 200;

export async function makeOwnBroker(): Promise<OwnBroker> {
  const java = ensureJava();
  const { kafkaLib } = await ensureArtifacts(java.home, () => {});
  const portBase = await freePortBase();
  const paths = statePaths(mkdtempSync(join(tmpdir(), 'roomlog-own-broker-')));
  prepareStateDir(paths);
  const cluster = { java: java.program, lib: kafkaLib, portBase, brokers: 1, clusterId: newClusterId() };
  await prepareKafka(cluster, paths);
  const [service] = kafkaServices(cluster, paths);
  if (!service) throw new Error('no broker was planned');
  let child: ChildProcess | null = null;

  const kill = async (signal: NodeJS.Signals = 'SIGKILL') => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
    child = null;
  };
  return {
    addresses: brokerAddresses(portBase, 1),
    async start() {
      const [program = '', ...args] = service.command;
      child = spawn(program, args, { stdio: 'ignore' });
      const until = Date.now() + READY_WITHIN_MS;
      for (;;) {
        try {
          await service.ready();
          return;
        } catch (error) {
          if (Date.now() > until || child.exitCode !== null) throw error;
          await delay(POLL_MS);
        }
      }
    },
    kill,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    tool(mainClass, args, input) {
      const command = [
        '-Xmx128m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        '-cp',
        `${kafkaLib}/*`,
        mainClass,
        ...args,
      ];
      const { status, stdout, stderr } = spawnSync(java.program, command, { input, encoding: 'utf8' });
      if (status !== 0) throw new Error(`${mainClass} failed:\n${stdout}${stderr}`);
    },
    async remove() {
      child?.kill('SIGCONT');
      await kill();
      rmSync(paths.root, { recursive: true, force: true });
    },
  };
}
