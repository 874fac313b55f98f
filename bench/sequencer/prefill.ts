/** Fills inbound as gateways do: numbered publishes of one session per room, with the origin that a gateway sets. */
import type { Partition, Pub, RoomId, SessionId, UserId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { AppendRecord, EventLog } from '../../core/ports/event-log.ts';
import { mintSession } from '../../core/sequencing/uuidv7.ts';
import type { Codec } from '../../schemas/codec.ts';
import { payload } from '../load/messages.ts';

/** Bytes of one append and partition, about: well below inbound's `max.message.bytes`. */
const BATCH_RECORDS = 1_000;
const ORIGIN_BYTES = 16;

export interface PrefillOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly partitions: number;
  readonly rooms: number;
  readonly payloadBytes: number;
}

export class Prefill {
  readonly #options: PrefillOptions;
  /** Publishes of each room so far. */
  readonly #published: Uint32Array;
  readonly #batches: readonly AppendRecord[][];
  readonly #data: Buffer;
  readonly #now = Date.now();
  #events = 0;

  constructor(options: PrefillOptions) {
    this.#options = options;
    this.#published = new Uint32Array(options.rooms);
    this.#batches = Array.from({ length: options.partitions }, () => []);
    this.#data = Buffer.from(payload(this.#now, options.payloadBytes));
  }

  /** @param roomOf which room publishes the n-th of these events */
  async write(events: number, roomOf: (event: number) => number): Promise<void> {
    for (let event = 0; event < events; event++) {
      const { partition, record } = this.#publish(roomOf(event));
      const batch = this.#batches[partition] as AppendRecord[];
      batch.push(record);
      if (batch.length >= BATCH_RECORDS) await this.#append(partition, batch.splice(0));
    }
    for (const [partition, batch] of this.#batches.entries()) {
      if (batch.length > 0) await this.#append(partition as Partition, batch.splice(0));
    }
  }

  #publish(number: number): { partition: Partition; record: AppendRecord } {
    const room = `airport/room-${number}` as RoomId;
    const key = Buffer.from(room);
    const pub = (this.#published[number] ?? 0) + 1;
    this.#published[number] = pub;
    const origin = Buffer.alloc(ORIGIN_BYTES, 'gateway');
    origin.writeUInt32BE(this.#events++, ORIGIN_BYTES - 4);
    const value = this.#options.codec.encodeInbound({
      room,
      user: `user-${number}` as UserId,
      session: this.#sessionOf(number),
      pub: pub as Pub,
      key: null,
      origin,
      event: 'position',
      contentType: null,
      data: this.#data,
      expiresAt: null,
      traceparent: null,
    });
    return { partition: partitionOf(key, this.#options.partitions), record: { key, value } };
  }

  #sessionOf(number: number): SessionId {
    return mintSession(this.#now, (bytes) => {
      const random = Buffer.alloc(bytes);
      random.writeUInt32BE(number, bytes - 4);
      return random;
    });
  }

  async #append(partition: Partition, records: AppendRecord[]): Promise<void> {
    const [outcome] = await this.#options.log.append(this.#options.topic, [{ partition, records }]);
    if (outcome?.status !== 'appended') throw outcome?.error ?? new Error('no outcome');
  }
}
