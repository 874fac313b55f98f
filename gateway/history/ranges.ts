/**
 * Reads the log between two anchors, and keeps what is accepted. A range starts where this gateway's fold noted an anchor and ends
 * at the next one (or after `MAX_BLOCK_BYTES`), where the chain must be what the fold had noted there. So readers that follow each other ask for the same blocks: concurrent reads of a
 * block are one read, and the newest blocks are kept for those who come a moment later.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, RoomId } from '../../core/ids.ts';
import { type Anchor, Chain } from '../../core/log/chain.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { Codec } from '../../schemas/codec.ts';
import { LogEvent } from './log-event.ts';
import type { PartitionHistory } from './partition-history.ts';
import { Slots } from './slots.ts';

/** Bytes of records after which a block ends even without an anchor. */
const MAX_BLOCK_BYTES = 524_288;
/** Bytes asked for in one fetch. */
const FETCH_BYTES = 262_144;
/** Reads of the log that run at the same time, over all partitions. */
const MAX_CONCURRENT_READS = 4;
/** Default for `cacheBytes`. */
const CACHE_BYTES = 16_777_216;

/** The accepted part of a range. */
export interface Block {
  /** By offset. */
  readonly events: ReadonlyMap<number, LogEvent>;
  /** Each room's, in order. */
  readonly rooms: ReadonlyMap<RoomId, readonly LogEvent[]>;
  /** Offsets of claims. */
  readonly claims: ReadonlySet<number>;
  /** Where the next block starts. */
  readonly next: Anchor;
  /** Bytes of all records read. */
  readonly bytes: number;
}

const EMPTY = { events: new Map(), rooms: new Map(), claims: new Set<number>(), bytes: 0 };

export interface RangesOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  onRead(bytes: number): void;
  /** Bytes of blocks kept for readers that come a moment later. Default: 16 MiB. */
  readonly cacheBytes?: number;
}

export class Ranges {
  readonly #options: RangesOptions;
  readonly #slots = new Slots(MAX_CONCURRENT_READS);
  readonly #reading = new Map<string, Promise<Block>>();
  readonly #kept = new Map<string, Block>();
  #keptBytes = 0;
  readonly #aborted = new AbortController();

  constructor(options: RangesOptions) {
    this.#options = options;
  }

  /**
   * The block that starts at `from`, up to what is folded at most. Throws `offset_out_of_range` where retention has passed
   * `from`, `fold_halted` where the log contradicts the anchor, `kafka_unreachable`, `corrupt_record`.
   */
  read(view: PartitionHistory, from: Anchor): Promise<Block> {
    const above = view.anchors.above(from.offset);
    const to = above === undefined ? view.position : (Math.min(above.offset, view.position) as Offset);
    if (to <= from.offset) return Promise.resolve({ ...EMPTY, next: from });
    const key = `${view.partition}/${from.offset}/${to}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return Promise.resolve(kept);
    let reading = this.#reading.get(key);
    if (reading === undefined) {
      reading = this.#slots.run(() => this.#read(view, from, to, above));
      this.#reading.set(key, reading);
      const settle = (block: Block | null): void => {
        this.#reading.delete(key);
        if (block !== null) this.#keep(key, block);
      };
      reading.then(settle, () => settle(null));
    }
    return reading;
  }

  stop(): void {
    this.#aborted.abort();
  }

  async #read(view: PartitionHistory, from: Anchor, to: Offset, above: Anchor | undefined): Promise<Block> {
    const { log, topic, onRead } = this.#options;
    const chain = Chain.fromAnchor(from);
    const streamId = view.streamId;
    const events = new Map<number, LogEvent>();
    const rooms = new Map<RoomId, LogEvent[]>();
    const claims = new Set<number>();
    let bytes = 0;
    let next = to;
    const range = {
      topic,
      partition: view.partition,
      from: from.offset,
      to,
      maxBytesPerFetch: FETCH_BYTES,
      signal: this.#aborted.signal,
    };
    for await (const records of log.readRange(range)) {
      for (const { offset, value } of records) {
        const record = await this.#decode(value);
        const verdict = chain.judge(offset, record);
        if (verdict.kind === 'claim') claims.add(offset);
        else if (verdict.kind === 'fault') throw new RoomlogError('fold_halted', verdict.message);
        else if (verdict.kind === 'accepted' && record.event !== null) {
          const event = new LogEvent(streamId, view.partition, offset, record.event);
          events.set(offset, event);
          const room = rooms.get(event.room);
          if (room === undefined) rooms.set(event.room, [event]);
          else room.push(event);
        }
        bytes += value?.length ?? 0;
        next = (offset + 1) as Offset;
      }
      if (bytes >= MAX_BLOCK_BYTES) break;
      next = to;
    }
    if (this.#aborted.signal.aborted) throw new RoomlogError('unavailable', 'This gateway is shutting down.');
    onRead(bytes);
    if (above?.offset === next && (chain.epoch !== above.epoch || chain.lastInbound !== above.lastInbound)) {
      throw new RoomlogError('fold_halted', `Read again, the log up to ${next} is not what was folded.`);
    }
    return { events, rooms, claims, next: chain.anchor(next), bytes };
  }

  /** Not `async`: awaiting every record of a block would cost more than decoding it. */
  #decode(value: Buffer | null): OutboundRecord | Promise<OutboundRecord> {
    if (value === null) throw new RoomlogError('corrupt_record', 'An outbound record has no value.');
    const decoded = this.#options.codec.decodeOutbound(value);
    if (!('unknownSchema' in decoded)) return decoded;
    return this.#options.codec.ensureSchema(decoded.unknownSchema).then(() => this.#decode(value));
  }

  #keep(key: string, block: Block): void {
    this.#kept.set(key, block);
    this.#keptBytes += block.bytes;
    const limitBytes = this.#options.cacheBytes ?? CACHE_BYTES;
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#keptBytes <= limitBytes) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= bytes;
    }
  }
}

/** What stands at an offset, proven from the anchor below it: an accepted event, a claim, or nothing that counts. */
export async function recordAt(
  ranges: Ranges,
  view: PartitionHistory,
  offset: Offset,
): Promise<LogEvent | 'claim' | null> {
  let from = view.anchors.atOrBelow(offset);
  while (from !== undefined && from.offset <= offset && offset < view.position) {
    const block = await ranges.read(view, from);
    if (block.claims.has(offset)) return 'claim';
    const event = block.events.get(offset);
    if (event !== undefined) return event;
    if (block.next.offset <= from.offset) return null;
    from = block.next;
  }
  return null;
}
