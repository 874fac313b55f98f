/** Fills inbound as gateways do: numbered publishes of one session per room, with the origin that a gateway sets. */
import { randomBytes } from 'node:crypto';
import type { Partition, Pub, RoomId, UserId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { AppendRecord, EventLog } from '../../core/ports/event-log.ts';
import { mintSession } from '../../core/sequencing/uuidv7.ts';
import type { Codec } from '../../schemas/codec.ts';
import { payload } from '../load/messages.ts';

/** Records of one append and partition: well below inbound's `max.message.bytes`. */
const BATCH_RECORDS = 1_000;
const ORIGIN_BYTES = 16;

export interface Prefill {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly partitions: number;
  readonly rooms: number;
  readonly events: number;
  readonly payloadBytes: number;
}

/** Each room publishes in turn, so that all partitions have about as many events. */
export async function prefill({ log, codec, topic, partitions, rooms, events, payloadBytes }: Prefill): Promise<void> {
  const now = Date.now();
  const publishers = Array.from({ length: rooms }, (_, number) => {
    const room = `airport/room-${number}` as RoomId;
    return {
      room,
      key: Buffer.from(room),
      user: `user-${number}` as UserId,
      session: mintSession(now, randomBytes),
      partition: partitionOf(room, partitions),
    };
  });
  const data = Buffer.from(payload(now, payloadBytes));
  const tag = randomBytes(ORIGIN_BYTES);
  const batches = Array.from({ length: partitions }, (): AppendRecord[] => []);
  for (let event = 0; event < events; event++) {
    const publisher = publishers[event % rooms] as (typeof publishers)[number];
    const origin = Buffer.from(tag);
    origin.writeUInt32BE(event, ORIGIN_BYTES - 4);
    const value = codec.encodeInbound({
      room: publisher.room,
      user: publisher.user,
      session: publisher.session,
      pub: (Math.floor(event / rooms) + 1) as Pub,
      key: null,
      origin,
      event: 'position',
      contentType: null,
      data,
      expiresAt: null,
      traceparent: null,
    });
    const batch = batches[publisher.partition] as AppendRecord[];
    batch.push({ key: publisher.key, value });
    if (batch.length >= BATCH_RECORDS) await append(log, topic, publisher.partition, batch.splice(0));
  }
  for (const [number, batch] of batches.entries()) {
    if (batch.length > 0) await append(log, topic, number as Partition, batch);
  }
}

async function append(log: EventLog, topic: string, partition: Partition, records: AppendRecord[]): Promise<void> {
  const [outcome] = await log.append(topic, [{ partition, records }]);
  if (outcome?.status !== 'appended') throw outcome?.error ?? new Error('no outcome');
}
