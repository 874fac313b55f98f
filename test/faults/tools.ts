/** What a case does to Kafka's topics by itself, past the proxies: as a foreign producer, or as an operator with the wrong tool. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { type KafkaLog, openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { Registry } from '../../adapters/registry/registry.ts';
import type { Offset, Partition, RoomId, UserId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { InboundEvent } from '../../core/log/record.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { type Codec, createCodec } from '../../schemas/codec.ts';
import { ensureArtifacts } from '../../scripts/stack/artifacts.ts';
import { ensureJava } from '../../scripts/stack/java.ts';
import { contentOf } from '../checker/log-line.ts';
import type { World } from './world.ts';

export interface ForeignEvent {
  /** Its idempotency key, and its name in the history. */
  readonly op: string;
  readonly key: Buffer;
  readonly value: Buffer;
  readonly partition: Partition;
}

export class Tools {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly log: KafkaLog;
  readonly codec: Codec;
  readonly #world: World;
  #published = 0;

  private constructor(world: World, kafka: Kafka, log: KafkaLog, codec: Codec) {
    this.#world = world;
    this.kafka = kafka;
    this.admin = kafka.admin();
    this.log = log;
    this.codec = codec;
  }

  /** Closes them when `use` has ended, however it did. */
  static async with<T>(world: World, use: (tools: Tools) => Promise<T>): Promise<T> {
    const { config, topics } = world.roomlog;
    const kafka = new Kafka({ brokers: world.cluster.brokers, clientId: 'faults-tools', logLevel: logLevel.NOTHING });
    const log = await openKafkaLog(config, { logger: silentLog, clientId: 'faults-tools' });
    const registry = new Registry(config.registry);
    const codec = createCodec({ ...(await registry.registerAll(topics)), store: registry });
    const tools = new Tools(world, kafka, log, codec);
    await tools.admin.connect();
    try {
      return await use(tools);
    } finally {
      await tools.admin.disconnect();
      await log.close();
    }
  }

  /** A room that clients are in, in this partition. */
  roomIn(partition: number): RoomId {
    const { rooms } = this.#world.load;
    const found = rooms.find((room) => partitionOf(room as RoomId, this.#world.roomlog.partitions) === partition);
    if (found === undefined) throw new Error(`no room in partition ${partition}`);
    return found as RoomId;
  }

  /** An event as a back-end service would publish it by itself, written into the history as published. */
  event(room: RoomId, data: object): ForeignEvent {
    this.#published++;
    const op = `foreign/${this.#published}`;
    const text = JSON.stringify({ ...data, op });
    const event: InboundEvent = {
      room,
      user: 'foreign' as UserId,
      session: null,
      pub: null,
      key: op,
      origin: null,
      event: 'foreign',
      contentType: null,
      data: Buffer.from(text),
      expiresAt: null,
      traceparent: null,
    };
    const content = contentOf(event.event, text);
    const line = { client: 'foreign', op, room, user: event.user, session: null, pub: null, key: op, content };
    this.#world.recorder.write({ type: 'publish', ...line });
    const partition = partitionOf(room, this.#world.roomlog.partitions);
    return { op, key: Buffer.from(room), value: this.codec.encodeInbound(event), partition };
  }

  /** Appends one record to inbound, whatever it is. Throws unless it was appended. */
  async write(partition: Partition, key: Buffer | null, value: Buffer | null): Promise<Offset> {
    const [outcome] = await this.log.append(this.#world.roomlog.topics.inbound, [
      { partition, records: [{ key, value }] },
    ]);
    if (outcome?.status !== 'appended') throw outcome?.error ?? new Error('no outcome');
    return outcome.baseOffset;
  }

  /** All records of a topic that are retained. */
  async records(topic: string): Promise<Array<LogRecord & { readonly partition: Partition }>> {
    const found: Array<LogRecord & { readonly partition: Partition }> = [];
    for (const [partition, { start, end }] of await this.log.ranges(topic)) {
      for await (const records of this.log.readRange({ topic, partition, from: start, to: end })) {
        found.push(...records.map((record) => ({ ...record, partition })));
      }
    }
    return found;
  }

  /** `key=value` of a topic's configuration, by Kafka's own tool: the old request that kafkajs has resets all others. */
  async changeConfig(topic: string, change: string): Promise<void> {
    const java = ensureJava();
    const { kafkaLib } = await ensureArtifacts(java.home, () => {});
    const jvm = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', `${kafkaLib}/*`];
    const which = ['--bootstrap-server', this.#world.cluster.brokers.join(','), '--entity-type', 'topics'];
    const what = ['--entity-name', topic, '--alter', '--add-config', change];
    await promisify(execFile)(java.program, [...jvm, 'kafka.admin.ConfigCommand', ...which, ...what]);
  }

  /** Deletes what stands below these offsets, as retention does. */
  async trim(topic: string, offsets: ReadonlyMap<Partition, number>): Promise<void> {
    // The admin has to learn who leads the partitions.
    await this.admin.fetchTopicOffsets(topic);
    const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: `${offset}` }));
    await this.admin.deleteTopicRecords({ topic, partitions });
  }
}
