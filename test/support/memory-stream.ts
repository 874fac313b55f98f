/** A whole stream in memory for tests of its writers and readers: topics, codec, producers, and a judge of what was written. */
import { MemoryCluster } from '../../adapters/memory/memory-log.ts';
import { Sequencer, type SequencerOptions } from '../../consumers/sequencer/sequencer.ts';
import { configSchema } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition, Pub, RoomId, SessionId, UserId } from '../../core/ids.ts';
import type { Chain } from '../../core/log/chain.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { InboundEvent, OutboundRecord } from '../../core/log/record.ts';
import { topicsOf } from '../../core/names.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { SchemaStore } from '../../core/ports/schema-store.ts';
import type { SubjectStore, SubjectVersion } from '../../core/ports/subject-store.ts';
import { mintSession } from '../../core/sequencing/uuidv7.ts';
import { type Codec, createCodec, type DeadLetter } from '../../schemas/codec.ts';
import { SCHEMAS } from '../../schemas/schemas.ts';
import { anomalies, type Judged, judge } from './judge.ts';

const INBOUND_ID = 1;
const OUTBOUND_ID = 2;
const DEAD_LETTER_ID = 3;
const SNAPSHOT_ID = 4;

/** A registry that knows what it is told, and can be taken away. */
export class MemoryRegistry implements SchemaStore, SubjectStore {
  readonly schemas = new Map<number, string>();
  readonly subjects = new Map<string, SubjectVersion[]>();
  readonly cached = new Map<number, string>([
    [INBOUND_ID, SCHEMAS.inbound],
    [OUTBOUND_ID, SCHEMAS.outbound],
    [DEAD_LETTER_ID, SCHEMAS.deadletter],
    [SNAPSHOT_ID, SCHEMAS.snapshots],
  ]);
  reachable = true;
  lookUps = 0;

  known(id: number): string | undefined {
    return this.cached.get(id);
  }

  /** A new version of a subject, under an id of its own. */
  register(subject: string, id: number, schema: object): void {
    const versions = this.subjects.get(subject) ?? [];
    const text = JSON.stringify(schema);
    this.subjects.set(subject, [{ id, version: versions.length + 1, schema: text }, ...versions]);
    this.schemas.set(id, text);
  }

  async versions(subject: string): Promise<readonly SubjectVersion[]> {
    this.lookUps++;
    if (!this.reachable) throw new RoomlogError('registry_unreachable');
    const versions = this.subjects.get(subject);
    if (versions === undefined) throw new RoomlogError('schema_not_found');
    return versions;
  }

  async load(id: number): Promise<string> {
    this.lookUps++;
    if (!this.reachable) throw new RoomlogError('registry_unreachable');
    const schema = this.schemas.get(id);
    if (schema === undefined) throw new RoomlogError('schema_not_found');
    this.cached.set(id, schema);
    return schema;
  }
}

export interface MemoryStreamOptions {
  readonly partitions?: number;
  readonly clock?: Clock;
  readonly sequencer?: Partial<ReturnType<typeof configSchema.parse>['sequencer']>;
}

export class MemoryStream {
  readonly topics = topicsOf('test');
  readonly registry = new MemoryRegistry();
  readonly codec: Codec;
  readonly cluster: MemoryCluster;
  readonly partitions: number;
  readonly config: ReturnType<typeof configSchema.parse>;
  readonly groupId = 'test.sequencer';

  constructor(options: MemoryStreamOptions = {}) {
    this.partitions = options.partitions ?? 1;
    this.cluster = new MemoryCluster({
      partitions: this.partitions,
      topics: Object.values(this.topics),
      maxRecordBytes: 2 * 1_048_576,
      ...(options.clock === undefined ? {} : { clock: options.clock }),
    });
    this.config = configSchema.parse({
      stream: { prefix: 'test', partitions: this.partitions },
      sequencer: { sessionTimeoutMs: 500, heartbeatIntervalMs: 20, canaryIntervalMs: 0, ...options.sequencer },
    });
    this.codec = this.newCodec();
  }

  newCodec(): Codec {
    return createCodec({
      inboundId: INBOUND_ID,
      outboundId: OUTBOUND_ID,
      deadLetterId: DEAD_LETTER_ID,
      snapshotId: SNAPSHOT_ID,
      store: this.registry,
    });
  }

  sequencer(name: string, options: Partial<SequencerOptions> = {}): Sequencer {
    return new Sequencer({
      log: this.cluster.open(name),
      codec: this.codec,
      topics: this.topics,
      partitions: this.partitions,
      config: this.config.sequencer,
      groupId: this.groupId,
      clock: this.cluster.clock,
      logger: silentLog,
      ...options,
    });
  }

  member(name: string) {
    return this.cluster.group(this.groupId, this.topics.inbound).member(name);
  }

  /** Writes to inbound as a gateway would. */
  publish(event: InboundEvent): { partition: Partition; offset: Offset } {
    const partition = partitionOf(event.room, this.partitions);
    return { partition, offset: this.write(partition, this.codec.encodeInbound(event), Buffer.from(event.room)) };
  }

  write(partition: Partition, value: Buffer | null, key: Buffer | null): Offset {
    return this.cluster.write(this.topics.inbound, partition, { key, value });
  }

  /** Outbound of one partition, decoded. */
  outbound(partition: Partition): Array<{ offset: Offset; record: OutboundRecord }> {
    return this.cluster.records(this.topics.outbound, partition).map(({ offset, value }) => {
      const record = this.codec.decodeOutbound(value as Buffer);
      if ('unknownSchema' in record) throw new Error('unknown schema in outbound');
      return { offset, record };
    });
  }

  /** `chain`: a mutant, to see that the judge would notice. */
  judge(partition: Partition, chain?: Chain): Judged {
    return judge(this.outbound(partition), chain);
  }

  deadLetters(): DeadLetter[] {
    return Array.from({ length: this.partitions }, (_, number) =>
      this.cluster.records(this.topics.deadletter, number as Partition).map(({ value }) => {
        const letter = this.codec.decodeDeadLetter(value as Buffer);
        if ('unknownSchema' in letter) throw new Error('unknown schema in deadletter');
        return letter;
      }),
    ).flat();
  }

  /** What is wrong with a partition's outbound, given its inbound. */
  anomalies(partition: Partition, chain?: Chain): string[] {
    const inbound = this.cluster.records(this.topics.inbound, partition).map(({ offset }) => offset);
    return anomalies(this.judge(partition, chain), inbound);
  }
}

let minted = 0;

/** A session minted now. */
export function session(nowMs = Date.now()): SessionId {
  minted++;
  return mintSession(nowMs, (bytes) => {
    const random = Buffer.alloc(bytes);
    random.writeUInt32BE(minted, bytes - 4);
    return random;
  });
}

export function inboundEvent(fields: Partial<Record<keyof InboundEvent, unknown>> = {}): InboundEvent {
  return {
    room: 'r' as RoomId,
    user: 'alice' as UserId,
    session: null,
    pub: null as Pub | null,
    key: null,
    origin: null,
    event: 'said',
    contentType: null,
    data: Buffer.from('{"text":"hello"}'),
    expiresAt: null,
    traceparent: null,
    ...fields,
  } as InboundEvent;
}
