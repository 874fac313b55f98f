/** Publishes into inbound as fast as the brokers take it, and waits until the stack's sequencer has answered all of it. */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Partition, Pub, RoomId, UserId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { Topics } from '../../core/names.ts';
import type { AppendRecord, EventLog } from '../../core/ports/event-log.ts';
import { mintSession } from '../../core/sequencing/uuidv7.ts';
import type { Codec } from '../../schemas/codec.ts';

export interface FillOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: Topics;
  readonly partitions: number;
  readonly rooms: number;
  readonly events: number;
  readonly payloadBytes: number;
}

const BATCH_RECORDS = 500;
const POLL_MS = 200;
/** Without a new record in outbound for this long it is given up. */
const PATIENCE_MS = 30_000;

/** One publisher in each room, whose publishes are numbered. Throws where an append fails or sequencing stands still. */
export async function fill(options: FillOptions): Promise<void> {
  const { log, codec, topics, partitions, rooms, events } = options;
  const data = Buffer.from(JSON.stringify({ text: 'x'.repeat(options.payloadBytes - '{"text":""}'.length) }));
  const publishers = Array.from({ length: rooms }, (_, index) => {
    const room = `bench/room-${index}` as RoomId;
    const session = mintSession(Date.now(), randomBytes);
    return { room, user: `user-${index}` as UserId, session, partition: partitionOf(room, partitions), pub: 0 };
  });
  const waiting: AppendRecord[][] = Array.from({ length: partitions }, () => []);
  const send = async (atLeast: number): Promise<void> => {
    const batches = waiting
      .map((records, partition) => ({ partition: partition as Partition, records }))
      .filter(({ records }) => records.length >= atLeast);
    for (const { partition } of batches) waiting[partition] = [];
    if (batches.length === 0) return;
    for (const outcome of await log.append(topics.inbound, batches)) {
      if (outcome.status !== 'appended') throw outcome.error;
    }
  };
  for (let event = 0; event < events; event++) {
    const publisher = publishers[event % rooms] as (typeof publishers)[number];
    const { room, user, session, partition } = publisher;
    publisher.pub++;
    const value = codec.encodeInbound({
      room,
      user,
      session,
      pub: publisher.pub as Pub,
      key: null,
      origin: randomBytes(16),
      event: 'message',
      contentType: null,
      data,
      expiresAt: null,
      traceparent: null,
    });
    const batch = waiting[partition] as AppendRecord[];
    batch.push({ key: Buffer.from(room), value });
    if (batch.length >= BATCH_RECORDS) await send(BATCH_RECORDS);
  }
  await send(1);
  await sequenced(options);
}

async function sequenced({ log, topics, partitions, events }: FillOptions): Promise<void> {
  const all = Array.from({ length: partitions }, (_, number) => number as Partition);
  let last = -1;
  let changedAt = performance.now();
  for (;;) {
    const ranges = await log.ranges(topics.outbound, all);
    const written = all.reduce<number>((sum, partition) => sum + (ranges.get(partition)?.end ?? 0), 0);
    // Every partition has a claim too.
    if (written >= events + partitions) return;
    if (written !== last) changedAt = performance.now();
    last = written;
    if (performance.now() - changedAt > PATIENCE_MS) throw new Error(`only ${written} of ${events} were sequenced`);
    await delay(POLL_MS);
  }
}
