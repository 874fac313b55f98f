import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import type { PoisonEntry } from '../../adapters/snapshots/chunks.ts';
import { snapshotKey } from '../../adapters/snapshots/keys.ts';
import { type LoadedSnapshot, type LoadSnapshotOptions, loadSnapshot } from '../../adapters/snapshots/load.ts';
import { sealOf } from '../../adapters/snapshots/seal.ts';
import { Shelf } from '../../adapters/snapshots/shelf.ts';
import { type WrittenSnapshot, writeSnapshot } from '../../adapters/snapshots/write.ts';
import { type Epoch, NO_OFFSET, type Offset, type Partition, type RoomId, type Seq } from '../../core/ids.ts';
import { captureFold } from '../../core/log/capture.ts';
import { Fold } from '../../core/log/fold.ts';
import type { SnapshotRefusal } from '../../core/log/snapshot.ts';
import type { SnapshotManifest } from '../../core/log/snapshot-record.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { createCodec } from '../../schemas/codec.ts';
import { PublishedLog } from './published-log.ts';

export const p0 = 0 as Partition;
export const topics = { outbound: 'o', snapshots: 's' };
const LIMITS = { sessionMaxAgeMs: 86_400_000, keyWindowMs: 86_400_000 };
const store = { known: () => undefined, load: async () => '' };
export const codec = createCodec({ inboundId: 1, outboundId: 2, deadLetterId: 3, snapshotId: 4, store });
export const POISON: PoisonEntry = {
  inbound: 3 as Offset,
  inboundTime: 5,
  reason: 'bad_avro',
  bytesAfter: 70,
  recordsAfter: 1,
};
/** Makes a state of a few chunks of rooms. */
const ROOM_NAME_CHARS = 190;
export const MANY_ROOMS = 3_000;

/** An outbound partition with its sequencer's fold, and the snapshots of it. */
export class World {
  log = new MemoryLog({ topics: Object.values(topics), maxRecordBytes: 600_000 });
  published = new PublishedLog();
  fold = new Fold({ publishers: LIMITS });
  readonly shelf = new Shelf();
  next = 0;
  newest: Offset | null = null;

  /** Publishes and folds `count` events. */
  publish(count: number): void {
    for (let n = 0; n < count; n++) {
      this.published.add({ kind: n % 2 ? 'numbered' : 'keyed', room: n % 5, who: n % 3, passMs: 1 });
    }
    this.append();
  }

  append(): void {
    for (const record of this.published.records.slice(this.next)) {
      this.log.cluster.write(topics.outbound, p0, { value: codec.encodeOutbound(record) });
      this.fold.apply(this.next++ as Offset, record);
    }
  }

  /** Rooms that no record gave: enough for several chunks. */
  fill(): void {
    for (let n = 0; n < MANY_ROOMS; n++) {
      this.fold.heads.set(`${n}-`.padEnd(ROOM_NAME_CHARS, 'x') as RoomId, 1 as Seq, 0 as Offset);
    }
  }

  async write(mayLeave: () => boolean = () => true): Promise<WrittenSnapshot> {
    const written = await writeSnapshot({
      log: this.log,
      codec,
      topic: topics.snapshots,
      capture: captureFold(this.fold, p0, this.next as Offset),
      poison: [POISON],
      anchors: [{ offset: 1 as Offset, epoch: 0 as Epoch, lastInbound: NO_OFFSET, logTime: 0 }],
      bytesSinceClaim: 77,
      takenAt: 1_234,
      shelf: this.shelf,
      keep: this.newest,
      mayLeave,
      turn: () => Promise.resolve(),
    });
    this.newest = written.offset;
    return written;
  }

  async load(
    options: Partial<LoadSnapshotOptions> = {},
  ): Promise<{ loaded: LoadedSnapshot | null; refused: SnapshotRefusal[] }> {
    const refused: SnapshotRefusal[] = [];
    const loaded = await loadSnapshot({
      log: this.log,
      codec,
      topics,
      partition: p0,
      partitions: 1,
      parts: 'all',
      publishers: LIMITS,
      logger: silentLog,
      onRefused: (reason) => refused.push(reason),
      ...options,
    });
    return { loaded, refused };
  }

  /** What the topic holds once it was compacted: the last value of each key, without tombstones. */
  compact(): void {
    const slots = this.log.cluster.partition(topics.snapshots, p0).slots;
    const last = new Map(slots.map((slot, at) => [slot?.key?.toString(), at]));
    slots.forEach((slot, at) => {
      if (last.get(slot?.key?.toString()) !== at || slot?.value === null) slots[at] = null;
    });
  }

  /** Replaces what stands under a key of the newest snapshot; null takes it away. */
  tamper(chunk: number | null, change: (value: Buffer) => Buffer | null): void {
    const key = snapshotKey(p0, this.newest as Offset, chunk).toString();
    const slots = this.log.cluster.partition(topics.snapshots, p0).slots;
    const at = slots.findLastIndex((slot) => slot?.key?.toString() === key);
    const slot = slots[at];
    if (slot?.value == null) throw new Error(`${key} is not there`);
    const value = change(slot.value);
    slots[at] = value === null ? null : { ...slot, value };
  }

  changeManifest(change: Partial<SnapshotManifest>): void {
    this.tamper(null, (value) => {
      const record = codec.decodeSnapshot(value);
      if ('unknownSchema' in record || record.manifest === null) throw new Error('no manifest');
      const manifest = { ...record.manifest, ...change };
      return codec.encodeSnapshot({ ...record, manifest: { ...manifest, seal: sealOf(record, manifest) } });
    });
  }
}

/** Two snapshots, the older at `older`; the fold's state at the newer. */
export async function twoSnapshots(fill = false): Promise<{ world: World; older: number; newer: number }> {
  const world = new World();
  if (fill) world.fill();
  world.publish(20);
  const { offset: older } = await world.write();
  world.publish(20);
  const { offset: newer } = await world.write();
  return { world, older, newer };
}

export function flipped(value: Buffer): Buffer {
  const changed = Buffer.from(value);
  const at = changed.length >>> 1;
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}
