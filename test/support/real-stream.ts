/** A stream of its own on the test stack's Kafka and registry, with sequencer processes that a test starts and kills. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Kafka, logLevel } from 'kafkajs';
import { type KafkaLog, openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { ensureTopics } from '../../adapters/kafka/topics.ts';
import { openCodec } from '../../adapters/registry/open-codec.ts';
import { type Config, configSchema } from '../../core/config/schema.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { InboundEvent } from '../../core/log/record.ts';
import { type Topics, topicsOf } from '../../core/names.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Codec, DeadLetter } from '../../schemas/codec.ts';
import { ROOT } from '../../scripts/stack/root.ts';
import type { StackFile } from '../../scripts/stack/stack-file.ts';
import { anomalies, type Judged, judge, type OutboundEntry } from './judge.ts';
import { waitFor } from './wait-for.ts';

/** What a sequencer's /health says, as far as tests ask. */
export interface SequencerHealth {
  readonly status: string;
  readonly owned: readonly number[];
  readonly partitions: ReadonlyArray<{
    readonly partition: number;
    readonly state: string;
    readonly lagRecords: number | null;
    readonly waitsFor: string | null;
    readonly error: { readonly code: string } | null;
  }>;
}

export class SequencerProcess {
  readonly name: string;
  readonly adminUrl: string;
  readonly #child: ChildProcess;
  #output = '';

  constructor(name: string, adminUrl: string, child: ChildProcess) {
    this.name = name;
    this.adminUrl = adminUrl;
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#output += chunk;
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#output += chunk;
    });
  }

  get output(): string {
    return this.#output;
  }

  async health(): Promise<SequencerHealth> {
    return (await (await fetch(`${this.adminUrl}/health`)).json()) as SequencerHealth;
  }

  ready(): Promise<unknown> {
    return waitFor(async () => (await fetch(`${this.adminUrl}/ready`)).ok, {
      withinMs: 30_000,
      what: `${this.name} ready`,
    });
  }

  /** Signals, without waiting. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the process and returns when it is gone. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill(signal);
    await gone;
  }
}

export class RealStream {
  readonly config: Config;
  readonly topics: Topics;
  readonly log: KafkaLog;
  readonly codec: Codec;
  readonly #processes: SequencerProcess[] = [];

  private constructor(config: Config, log: KafkaLog, codec: Codec) {
    this.config = config;
    this.topics = topicsOf(config.stream.prefix);
    this.log = log;
    this.codec = codec;
  }

  static async create(stack: StackFile, prefix: string, partitions: number): Promise<RealStream> {
    const config = configSchema.parse({
      stream: { prefix, partitions, replicationFactor: 1, minInsyncReplicas: 1 },
      kafka: { brokers: [...stack.kafka.brokers] },
      registry: { url: stack.registry.url },
    });
    await ensureTopics(config, silentLog);
    const log = await openKafkaLog(config, { logger: silentLog });
    return new RealStream(config, log, await openCodec(config, silentLog));
  }

  /** Runs `roomlog sequencer` as an operator would. `registryUrl`: another way to the registry. */
  async sequencer(name: string, settings: Readonly<Record<string, string>> = {}): Promise<SequencerProcess> {
    const port = await freePort();
    const env = {
      ...process.env,
      ROOMLOG_STREAM_PREFIX: this.config.stream.prefix,
      ROOMLOG_STREAM_PARTITIONS: `${this.config.stream.partitions}`,
      ROOMLOG_KAFKA_BROKERS: this.config.kafka.brokers.join(','),
      ROOMLOG_REGISTRY_URL: this.config.registry.url,
      ROOMLOG_SEQUENCER_NAME: name,
      ROOMLOG_SEQUENCER_ADMIN_PORT: `${port}`,
      // Tests count records; those that are about canaries set it.
      ROOMLOG_SEQUENCER_CANARY_INTERVAL_MS: '0',
      ...settings,
    };
    const node = `${ROOT}/node_modules/.bin/node`;
    const child = spawn(node, [`${ROOT}/cli/main.ts`, 'sequencer'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const running = new SequencerProcess(name, `http://127.0.0.1:${port}`, child);
    this.#processes.push(running);
    return running;
  }

  /** Ends every sequencer and closes what was opened. */
  async close(): Promise<void> {
    await this.endAll();
    await this.log.close();
  }

  async endAll(): Promise<void> {
    await Promise.all(this.#processes.splice(0).map((one) => one.end('SIGKILL')));
  }

  /** Appends to inbound as a gateway would; resolves when it is in the log. */
  async publish(...events: readonly InboundEvent[]): Promise<void> {
    const byPartition = new Map<Partition, Array<{ key: Buffer; value: Buffer }>>();
    for (const event of events) {
      const partition = partitionOf(event.room, this.config.stream.partitions);
      const records = byPartition.get(partition) ?? [];
      records.push({ key: Buffer.from(event.room), value: this.codec.encodeInbound(event) });
      byPartition.set(partition, records);
    }
    const batches = [...byPartition].map(([partition, records]) => ({ partition, records }));
    for (const outcome of await this.log.append(this.topics.inbound, batches)) {
      if (outcome.status !== 'appended') throw outcome.error;
    }
  }

  async write(partition: Partition, key: Buffer | null, value: Buffer | null): Promise<Offset> {
    const [outcome] = await this.log.append(this.topics.inbound, [{ partition, records: [{ key, value }] }]);
    if (outcome?.status !== 'appended') throw outcome?.error ?? new Error('no outcome');
    return outcome.baseOffset;
  }

  /** As retention does, but at once: nothing below these offsets is left. */
  async deleteRecords(topic: string, before: ReadonlyMap<Partition, number>): Promise<void> {
    const admin = new Kafka({ brokers: [...this.config.kafka.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      // Makes the client learn the topic, which it does not do by itself here.
      await admin.fetchTopicOffsets(topic);
      const partitions = [...before].map(([partition, offset]) => ({ partition, offset: `${offset}` }));
      await admin.deleteTopicRecords({ topic, partitions });
    } finally {
      await admin.disconnect();
    }
  }

  async records(topic: string, partition: Partition): Promise<LogRecord[]> {
    const range = (await this.log.ranges(topic, [partition])).get(partition);
    if (range === undefined) throw new Error(`no range of ${topic}/${partition}`);
    const found: LogRecord[] = [];
    for await (const records of this.log.readRange({ topic, partition, from: range.start, to: range.end })) {
      found.push(...records);
    }
    return found;
  }

  async judge(partition: Partition): Promise<Judged> {
    const entries: OutboundEntry[] = [];
    for (const { offset, value } of await this.records(this.topics.outbound, partition)) {
      const record = this.codec.decodeOutbound(value as Buffer);
      if ('unknownSchema' in record) throw new Error('unknown schema in outbound');
      entries.push({ offset, record });
    }
    return judge(entries);
  }

  /** What is wrong in any partition. */
  async anomalies(): Promise<string[]> {
    const found: string[] = [];
    for (let number = 0; number < this.config.stream.partitions; number++) {
      const partition = number as Partition;
      const inbound = await this.records(this.topics.inbound, partition);
      const offsets = inbound.map(({ offset }) => offset);
      found.push(
        ...anomalies(await this.judge(partition), offsets).map((anomaly) => `partition ${number}: ${anomaly}`),
      );
    }
    return found;
  }

  /** Resolves when every inbound record was answered exactly once, with nothing wrong. */
  async sound(withinMs = 30_000): Promise<void> {
    let last: string[] = [];
    try {
      await waitFor(
        async () => {
          last = await this.anomalies();
          return last.length === 0;
        },
        { withinMs, what: 'a sound outbound log' },
      );
    } catch (thrown) {
      throw new Error(`not sound: ${last.join('; ')}`, { cause: thrown });
    }
  }

  async deadLetters(): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    const count = await this.log.partitionCount(this.topics.deadletter);
    for (let partition = 0; partition < count; partition++) {
      for (const { value } of await this.records(this.topics.deadletter, partition as Partition)) {
        const letter = this.codec.decodeDeadLetter(value as Buffer);
        if ('unknownSchema' in letter) throw new Error('unknown schema in deadletter');
        letters.push(letter);
      }
    }
    return letters;
  }
}

/** A way to the registry that a test can close: requests pass through as long as it is open. */
export class RegistryGate {
  readonly url: string;
  readonly #server: Server;
  isOpen = true;

  private constructor(url: string, server: Server) {
    this.url = url;
    this.#server = server;
  }

  static async before(registryUrl: string): Promise<RegistryGate> {
    const target = new URL(registryUrl);
    const server = createServer(async (request, response) => {
      if (!gate.isOpen) {
        request.socket.destroy();
        return;
      }
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const hasBody = request.method !== 'GET' && request.method !== 'HEAD';
      const answer = await fetch(new URL(request.url ?? '/', target.origin), {
        method: request.method ?? 'GET',
        headers: { 'content-type': request.headers['content-type'] ?? 'application/json' },
        ...(hasBody ? { body: Buffer.concat(chunks) } : {}),
      });
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' });
      response.end(Buffer.from(await answer.arrayBuffer()));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const gate = new RegistryGate(`http://127.0.0.1:${port}${target.pathname}`, server);
    return gate;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
