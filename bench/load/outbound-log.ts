/** Fills outbound as sequencers do, but without inbound and as fast as the brokers take it: claims, valid chains, one event after the other. */
import { randomBytes } from 'node:crypto';
import type { RoomId, SessionId, UserId } from '../../core/ids.ts';
import { type Epoch, NO_EPOCH, NO_OFFSET, type Offset, type Partition, type Pub } from '../../core/ids.ts';
import { AnchorTrail } from '../../core/log/anchor-trail.ts';
import { captureFold, type FoldCapture } from '../../core/log/capture.ts';
import type { Anchor } from '../../core/log/chain.ts';
import { Fold } from '../../core/log/fold.ts';
import { FOLD_VERSION, type OutboundRecord } from '../../core/log/record.ts';
import type { AppendRecord, EventLog } from '../../core/ports/event-log.ts';
import { mintSession } from '../../core/sequencing/uuidv7.ts';
import type { Codec } from '../../schemas/codec.ts';

/** As `sequencer.claimEveryBytes`. */
const CLAIM_EVERY_BYTES = 67_108_864;
/** Records of one batch: well below outbound's `max.message.bytes`. */
const BATCH_RECORDS = 1_500;
const START_MS = 1_800_000_000_000;
const NO_BODY = { claim: null, event: null, answer: null, skipped: null };

export interface Snapshot {
  readonly capture: FoldCapture;
  readonly anchors: readonly Anchor[];
}

/** One partition, written from its first record on. */
class PartitionWriter {
  readonly partition: Partition;
  readonly fold = new Fold();
  readonly anchors = new AnchorTrail();
  readonly #codec: Codec;
  readonly #partitions: number;
  readonly #rooms: readonly RoomId[];
  readonly #sessions: readonly SessionId[];
  readonly #streamId: string;
  readonly #data: Buffer;
  next = 0 as Offset;
  events = 0;
  bytes = 0;
  #bytesSinceClaim = 0;

  constructor(codec: Codec, partition: Partition, options: FillOptions, streamId: string, nonce: Buffer) {
    this.#codec = codec;
    this.partition = partition;
    this.#partitions = options.partitions;
    this.#streamId = streamId;
    this.#rooms = options.roomsOf(partition);
    this.#sessions = this.#rooms.map(() => mintSession(START_MS, randomBytes));
    this.#data = Buffer.from(JSON.stringify('x'.repeat(options.payloadBytes - 2)));
    // The stream's first claim names it, on partition 0 alone (ADR 0007).
    this.#claims = [partition === 0 ? this.#claim('', nonce) : this.#claim(streamId, randomBytes(16))];
  }

  #claims: OutboundRecord[];

  batch(maxEvents: number): AppendRecord[] {
    const records: AppendRecord[] = this.#claims.map((claim) => this.#take(claim, null));
    this.#claims = [];
    for (let count = Math.min(BATCH_RECORDS, maxEvents); count > 0; count -= 1) records.push(this.#event());
    if (this.#bytesSinceClaim >= CLAIM_EVERY_BYTES) {
      this.#claims.push(this.#claim(this.#streamId, randomBytes(16)));
      this.#bytesSinceClaim = 0;
    }
    return records;
  }

  snapshot(): Snapshot {
    return { capture: captureFold(this.fold, this.partition, this.next), anchors: this.anchors.anchors() };
  }

  #event(): AppendRecord {
    const index = this.events % this.#rooms.length;
    const room = this.#rooms[index] as RoomId;
    const { epoch, lastInbound } = this.fold.chain;
    const head = this.fold.heads.get(room);
    const inbound = this.events as Offset;
    const time = START_MS + Math.floor(this.events / 10);
    this.events += 1;
    const seq = ((head?.seq ?? 0) + 1) as never;
    return this.#take(
      {
        ...NO_BODY,
        epoch: epoch as Epoch,
        inbound,
        prevInbound: lastInbound,
        inboundTime: time,
        event: {
          room,
          seq,
          time,
          prev: head?.offset ?? NO_OFFSET,
          user: `user-${index}` as UserId,
          session: this.#sessions[index] as SessionId,
          pub: seq as unknown as Pub,
          key: null,
          origin: randomOrigin(this.events),
          event: 'flight',
          contentType: null,
          data: this.#data,
          expiresAt: null,
          traceparent: null,
        },
      },
      room,
    );
  }

  #claim(streamId: string, nonce: Buffer): OutboundRecord {
    const header = { epoch: NO_EPOCH, inbound: NO_OFFSET, prevInbound: NO_OFFSET, inboundTime: 0 };
    const claim = { nonce, streamId, foldVersion: FOLD_VERSION, partitions: this.#partitions };
    return { ...NO_BODY, ...header, claim };
  }

  #take(record: OutboundRecord, room: RoomId | null): AppendRecord {
    const verdict = this.fold.apply(this.next, record);
    if (verdict.kind === 'fault') throw new Error(verdict.message);
    this.next = (this.next + 1) as Offset;
    const value = this.#codec.encodeOutbound(record);
    this.bytes += value.length;
    this.#bytesSinceClaim += value.length;
    this.anchors.passed(this.fold.chain, this.next, value.length);
    return { key: room === null ? null : Buffer.from(room), value };
  }
}

const originBytes = randomBytes(8);
function randomOrigin(counter: number): Buffer {
  const origin = Buffer.alloc(16);
  originBytes.copy(origin);
  origin.writeUInt32BE(counter, 12);
  return origin;
}

export interface FillOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly partitions: number;
  /** Events in all, spread evenly. */
  readonly events: number;
  readonly payloadBytes: number;
  roomsOf(partition: Partition): readonly RoomId[];
  /** Events of a partition after which a snapshot is captured, ascending. */
  capturesOf(partition: Partition): readonly number[];
}

export interface Filled {
  /** By partition, in the order of `capturesOf`. */
  readonly snapshots: ReadonlyArray<readonly Snapshot[]>;
  readonly records: number;
  readonly bytes: number;
}

/** Writes it all. Throws where an append fails. */
export async function fillOutbound(options: FillOptions): Promise<Filled> {
  const { log, codec, topic, partitions, events } = options;
  const nonce = randomBytes(16);
  const writers = Array.from(
    { length: partitions },
    (_, number) => new PartitionWriter(codec, number as Partition, options, nonce.toString('hex'), nonce),
  );
  const each = Math.ceil(events / partitions);
  const snapshots: Snapshot[][] = writers.map(() => []);
  const stops = writers.map(({ partition }) => [...options.capturesOf(partition), each]);
  let sent: Promise<void> = Promise.resolve();
  while (writers.some((writer) => writer.events < each)) {
    const batches = writers
      .filter((writer) => writer.events < each)
      .map((writer) => {
        const stop = stops[writer.partition] as number[];
        const records = writer.batch((stop[0] as number) - writer.events);
        while (stop.length > 1 && writer.events >= (stop[0] as number)) {
          snapshots[writer.partition]?.push(writer.snapshot());
          stop.shift();
        }
        return { partition: writer.partition, records };
      });
    // The next batches are made while these are on their way.
    await sent;
    sent = log.append(topic, batches).then((outcomes) => {
      for (const outcome of outcomes) if (outcome.status !== 'appended') throw outcome.error;
    });
    sent.catch(() => {});
  }
  await sent;
  return {
    snapshots,
    records: writers.reduce((sum, { next }) => sum + next, 0),
    bytes: writers.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
