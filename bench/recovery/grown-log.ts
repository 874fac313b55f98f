/**
 * An outbound partition of any length, written as a sequencer would have left it, with an inbound partition that it answers: events without a
 * number over all rooms, and numbered ones, of one session in each of the first rooms.
 */
import type { Epoch, Offset, Partition, Pub, RoomId, Seq, SessionId, UserId } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { Topics } from '../../core/names.ts';
import type { AppendRecord, EventLog } from '../../core/ports/event-log.ts';
import { mintSession } from '../../core/sequencing/uuidv7.ts';
import type { Codec } from '../../schemas/codec.ts';

const partition = 0 as Partition;
const DATA_BYTES = 120;
const BATCH_RECORDS = 2_000;
/** Claims as often as a sequencer makes them by bytes. */
const CLAIM_EVERY_RECORDS = 200_000;
const NO_BODY = { claim: null, event: null, answer: null, skipped: null };

export interface GrownLogOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: Topics;
  readonly rooms: number;
  readonly sessions: number;
  /** Log time of all, and when the sessions were minted: ms since the Unix epoch. */
  readonly timeMs: number;
}

export class GrownLog {
  readonly #options: GrownLogOptions;
  readonly #data = Buffer.from(`"${'x'.repeat(DATA_BYTES - 2)}"`);
  readonly #seqs: Uint32Array;
  readonly #sessions: readonly SessionId[];
  readonly #pubs: Uint32Array;
  /** Events written. */
  #events = 0;
  #inbound = -1;
  #end = 0;
  #epoch = -1;

  constructor(options: GrownLogOptions) {
    this.#options = options;
    this.#seqs = new Uint32Array(options.rooms);
    this.#pubs = new Uint32Array(options.sessions);
    this.#sessions = Array.from({ length: options.sessions }, (_, number) =>
      mintSession(options.timeMs, (bytes) => {
        const random = Buffer.alloc(bytes);
        random.writeUInt32BE(number, bytes - 4);
        return random;
      }),
    );
  }

  get events(): number {
    return this.#events;
  }

  /** What was written behind the log's back, by sequencers under test, is answered and claimed so far. */
  async catchUp(): Promise<void> {
    const { log, codec, topics, rooms } = this.#options;
    const range = (await log.ranges(topics.outbound, [partition])).get(partition);
    const read = { topic: topics.outbound, partition, from: this.#end as Offset, to: (range?.end ?? 0) as Offset };
    for await (const records of log.readRange(read)) {
      for (const { offset, value } of records) {
        const record = codec.decodeOutbound(value as Buffer);
        if ('unknownSchema' in record) throw new Error('unknown schema');
        if (record.claim !== null) this.#epoch = offset;
        else this.#inbound = record.inbound;
        if (record.event !== null) this.#seqs[roomNumber(record.event.room) % rooms] = record.event.seq;
        this.#end = offset + 1;
      }
    }
  }

  /** Writes `count` more events. */
  async grow(count: number, kind: 'plain' | 'numbered'): Promise<void> {
    await this.catchUp();
    await this.#appendInbound(this.#inbound + 1, count);
    let batch: AppendRecord[] = [];
    for (let n = 0; n < count; n++) {
      if (this.#epoch < 0 || this.#end - this.#epoch >= CLAIM_EVERY_RECORDS) batch.push(this.#claim());
      batch.push(this.#event(kind, n === count - 1));
      if (batch.length < BATCH_RECORDS && n < count - 1) continue;
      await this.#append(this.#options.topics.outbound, batch);
      batch = [];
    }
  }

  #claim(): AppendRecord {
    this.#epoch = this.#end;
    const nonce = Buffer.alloc(16);
    nonce.writeUInt32BE(this.#end + 1, 12);
    const claim = { nonce, streamId: STREAM_ID, foldVersion: 1, partitions: 1 };
    const header = { epoch: -1 as Epoch, inbound: -1 as Offset, prevInbound: -1 as Offset, inboundTime: 0 };
    return this.#encoded({ ...header, ...NO_BODY, claim });
  }

  #event(kind: 'plain' | 'numbered', isLast: boolean): AppendRecord {
    const { rooms, sessions, timeMs } = this.#options;
    const room = this.#events % (kind === 'plain' ? rooms : sessions);
    const seq = (this.#seqs[room] ?? 0) + 1;
    this.#seqs[room] = seq;
    let pub: number | null = null;
    if (kind === 'numbered') {
      pub = (this.#pubs[room] ?? 0) + 1;
      this.#pubs[room] = pub;
    }
    this.#events++;
    const prevInbound = this.#inbound as Offset;
    return this.#encoded({
      epoch: this.#epoch as Epoch,
      inbound: ++this.#inbound as Offset,
      prevInbound,
      // 0: not said, so that the record in inbound need not have the same.
      inboundTime: isLast ? 0 : timeMs,
      ...NO_BODY,
      event: {
        room: `airport/room-${room}` as RoomId,
        seq: seq as Seq,
        time: timeMs,
        prev: -1 as Offset,
        user: `user-${room}` as UserId,
        session: pub === null ? null : (this.#sessions[room] as SessionId),
        pub: pub as Pub | null,
        key: null,
        origin: null,
        event: 'flight',
        contentType: null,
        data: this.#data,
        expiresAt: null,
        traceparent: null,
      },
    });
  }

  #encoded(record: OutboundRecord): AppendRecord {
    this.#end++;
    return { key: null, value: this.#options.codec.encodeOutbound(record) };
  }

  /** What stands in them is never looked at: outbound says that it was answered. */
  async #appendInbound(first: number, count: number): Promise<void> {
    const { log, topics } = this.#options;
    const end = (await log.ranges(topics.inbound, [partition])).get(partition)?.end ?? 0;
    for (let left = first + count - end; left > 0; left -= 20_000) {
      const records = Array.from({ length: Math.min(left, 20_000) }, () => ({ key: null, value: null }));
      await this.#append(topics.inbound, records);
    }
  }

  async #append(topic: string, records: readonly AppendRecord[]): Promise<void> {
    const [outcome] = await this.#options.log.append(topic, [{ partition, records }]);
    if (outcome?.status !== 'appended') throw outcome?.error ?? new Error('no outcome');
  }
}

const STREAM_ID = '00000000000000000000000000000001';
const roomNumber = (room: string): number => Number(room.slice(room.lastIndexOf('-') + 1));
