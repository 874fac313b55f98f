import { describe, expect, it, vi } from 'vitest';
import { type Epoch, NO_EPOCH, NO_OFFSET, type Offset, type Partition, type RoomId, type Seq } from '../../core/ids.ts';
import { captureFold } from '../../core/log/capture.ts';
import { Fold } from '../../core/log/fold.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { SnapshotRefusal } from '../../core/log/snapshot.ts';
import type { SnapshotManifest } from '../../core/log/snapshot-record.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { createCodec } from '../../schemas/codec.ts';
import { stateOf } from '../../test/support/fold-state.ts';
import { PublishedLog } from '../../test/support/published-log.ts';
import type { AppendFault } from '../memory/memory-brokers.ts';
import { MemoryLog } from '../memory/memory-log.ts';
import type { PoisonEntry } from './chunks.ts';
import { parseSnapshotKey, snapshotKey } from './keys.ts';
import { type LoadedSnapshot, type LoadSnapshotOptions, loadSnapshot, streamIdOfSnapshots } from './load.ts';
import { sealOf } from './seal.ts';
import { Shelf } from './shelf.ts';
import { type WrittenSnapshot, writeSnapshot } from './write.ts';

const p0 = 0 as Partition;
const topics = { outbound: 'o', snapshots: 's' };
const LIMITS = { sessionMaxAgeMs: 86_400_000, keyWindowMs: 86_400_000 };
const store = { known: () => undefined, load: async () => '' };
const codec = createCodec({ inboundId: 1, outboundId: 2, deadLetterId: 3, snapshotId: 4, store });
const POISON: PoisonEntry = {
  inbound: 3 as Offset,
  inboundTime: 5,
  reason: 'bad_avro',
  bytesAfter: 70,
  recordsAfter: 1,
};
/** Makes a state of a few chunks of rooms. */
const ROOM_NAME_CHARS = 190;
const MANY_ROOMS = 3_000;

/** An outbound partition with its sequencer's fold, and the snapshots of it. */
class World {
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
async function twoSnapshots(fill = false): Promise<{ world: World; older: number; newer: number }> {
  const world = new World();
  if (fill) world.fill();
  world.publish(20);
  const { offset: older } = await world.write();
  world.publish(20);
  const { offset: newer } = await world.write();
  return { world, older, newer };
}

function flipped(value: Buffer): Buffer {
  const changed = Buffer.from(value);
  const at = changed.length >>> 1;
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}

describe('loadSnapshot', () => {
  it('finds nothing where nothing was written', async () => {
    expect((await new World().load()).loaded).toBeNull();
  });

  it('gives the fold of the newest snapshot back, with all that its writer knew', async () => {
    const { world, newer } = await twoSnapshots(true);
    const { loaded, refused } = await world.load();
    expect(refused).toEqual([]);
    expect(loaded).toMatchObject({ bytesSinceClaim: 77, takenAt: 1_234, poison: [POISON] });
    expect(loaded?.anchors).toEqual([{ offset: 1, epoch: 0, lastInbound: -1, logTime: 0 }]);
    expect(loaded?.mark).toMatchObject({ offset: newer, streamId: 's', partitions: 1, epoch: 0, partition: 0 });
    expect(stateOf(loaded?.fold as Fold)).toEqual(stateOf(world.fold));
  });

  it('gives heads alone to those who ask for no more, and does not read on behind them', async () => {
    const { world } = await twoSnapshots(true);
    world.tamper(3, () => null);
    const { loaded } = await world.load({ parts: 'heads' });
    expect(loaded?.fold.publishers).toBeNull();
    expect([...(loaded?.fold.heads.entries() ?? [])]).toEqual([...world.fold.heads.entries()]);
  });

  it('gives an older one where only those at or below an offset are asked for', async () => {
    const { world, older, newer } = await twoSnapshots();
    expect((await world.load({ below: newer as Offset })).loaded?.mark.offset).toBe(newer);
    expect((await world.load({ below: (newer - 1) as Offset })).loaded?.mark.offset).toBe(older);
    expect((await world.load({ below: (older - 1) as Offset })).loaded).toBeNull();
  });

  it('forgets anchors that retention has passed', async () => {
    const { world } = await twoSnapshots();
    world.log.cluster.trim(topics.outbound, p0, 5 as Offset);
    expect((await world.load()).loaded?.anchors).toEqual([]);
  });

  it('reads from the end, not the whole topic', async () => {
    const world = new World();
    world.fill();
    for (let n = 0; n < 10; n++) {
      world.publish(5);
      await world.write();
    }
    const { slots } = world.log.cluster.partition(topics.snapshots, p0);
    let oldestRead = slots.length;
    const reads = vi.spyOn(world.log, 'readRange');
    expect((await world.load()).loaded?.mark.offset).toBe(world.newest);
    for (const [{ topic, from }] of reads.mock.calls) {
      if (topic === topics.snapshots) oldestRead = Math.min(oldestRead, from);
    }
    expect(oldestRead).toBeGreaterThan(slots.length / 2);
  });

  it('finds the same after the topic was compacted, and then only two are left', async () => {
    const world = new World();
    for (let n = 0; n < 5; n++) {
      world.publish(5);
      await world.write();
    }
    world.compact();
    const offsets = world.log.cluster
      .records(topics.snapshots, p0)
      .map(({ key }) => parseSnapshotKey(p0, key)?.offset as Offset);
    expect([...new Set(offsets)]).toEqual([world.next - 5, world.next]);
    expect(stateOf((await world.load()).loaded?.fold as Fold)).toEqual(stateOf(world.fold));
  });
});

describe('a snapshot that can not be believed', () => {
  const older = async (
    refusal: SnapshotRefusal,
    spoil: (world: World) => void,
    options: Partial<LoadSnapshotOptions> = {},
  ) => {
    const two = await twoSnapshots(true);
    spoil(two.world);
    const { loaded, refused } = await two.world.load(options);
    expect(refused).toEqual([refusal]);
    expect(loaded?.mark.offset).toBe(two.older);
  };

  it('does not exist as long as its manifest is missing', async () => {
    const two = await twoSnapshots(true);
    two.world.tamper(null, () => null);
    const { loaded, refused } = await two.world.load();
    expect(refused).toEqual([]);
    expect(loaded?.mark.offset).toBe(two.older);
  });

  it('is torn where a chunk is missing: the older one is used', () =>
    older('torn', (world) => world.tamper(1, () => null)));

  it('is corrupt where one bit of a chunk is another: the older one is used', () =>
    older('corrupt', (world) => world.tamper(1, flipped)));

  it('is corrupt where a chunk is that of another snapshot', () =>
    older('corrupt', (world) => {
      const own = world.newest as Offset;
      const key = snapshotKey(p0, (own - 20) as Offset, 2).toString();
      const other = world.log.cluster.records(topics.snapshots, p0).find((record) => record.key?.toString() === key);
      world.tamper(2, () => other?.value ?? null);
    }));

  it('is corrupt where its manifest can not be read', () =>
    older('corrupt', (world) => world.tamper(null, (value) => value.subarray(0, 30))));

  it('is refused whichever bit of its manifest is another', async () => {
    const { world, older, newer } = await twoSnapshots();
    const { slots } = world.log.cluster.partition(topics.snapshots, p0);
    const whole = slots.findLast((slot) => slot?.key?.toString() === snapshotKey(p0, newer as Offset, null).toString());
    const value = whole?.value as Buffer;
    // Behind the schema's id: that says how to read it at all.
    for (let bit = 5 * 8; bit < value.length * 8; bit += 3) {
      world.tamper(null, () => {
        const changed = Buffer.from(value);
        changed[bit >>> 3] = (changed[bit >>> 3] as number) ^ (1 << (bit & 7));
        return changed;
      });
      const { loaded, refused } = await world.load();
      expect([loaded?.mark.offset, refused.length], `bit ${bit & 7} of byte ${bit >>> 3}`).toEqual([older, 1]);
    }
  });

  it('is corrupt where its manifest is that of another snapshot', () =>
    older('corrupt', (world) => {
      const key = snapshotKey(p0, ((world.newest as Offset) - 20) as Offset, null).toString();
      const other = world.log.cluster.records(topics.snapshots, p0).find((record) => record.key?.toString() === key);
      world.tamper(null, () => other?.value ?? null);
    }));

  it('is corrupt where it holds another number of rooms than it says', () =>
    older('corrupt', (world) => world.changeManifest({ rooms: MANY_ROOMS })));

  it('is of a newer version, of format or rules', async () => {
    await older('newer_version', (world) => world.changeManifest({ formatVersion: 2 }));
    await older('newer_version', (world) => world.changeManifest({ foldVersion: 2 }));
  });

  it('is foreign with another P, or after a claim that the log does not have', async () => {
    await older('foreign', (world) => world.changeManifest({ partitions: 2 }));
    await older('foreign', (world) => world.changeManifest({ claimNonce: Buffer.alloc(16, 9) }));
    await older('foreign', (world) => world.changeManifest({ epoch: 3 as Epoch }));
    await older('foreign', (world) => world.changeManifest({ streamId: 't' }), { streamId: 's' });
  });

  it('is ahead of a log that ends below it', () =>
    older('ahead', (world) => void world.log.cluster.partition(topics.outbound, p0).slots.splice(30)));

  it('is stale once records behind it were deleted, and so is every older one', async () => {
    const { world, newer } = await twoSnapshots();
    world.publish(5);
    world.log.cluster.trim(topics.outbound, p0, newer as Offset);
    expect((await world.load()).loaded?.mark.offset).toBe(newer);
    world.log.cluster.trim(topics.outbound, p0, (newer + 1) as Offset);
    const { loaded, refused } = await world.load();
    expect(loaded).toBeNull();
    expect(refused).toEqual(['stale', 'stale']);
  });

  it('is judged by what is left where retention passes while it is looked at', async () => {
    const { world, newer } = await twoSnapshots();
    world.publish(5);
    const { log } = world;
    const ranges = log.ranges.bind(log);
    // The claim that it was taken under is at offset 0: there when the range is asked for, gone when it is read.
    vi.spyOn(log, 'ranges').mockImplementation(async (topic, partitions) => {
      const found = await ranges(topic, partitions);
      if (topic === topics.outbound) log.cluster.trim(topic, p0, 10 as Offset);
      return found;
    });
    const { loaded, refused } = await world.load();
    expect(refused).toEqual([]);
    expect(loaded?.mark.offset).toBe(newer);
  });

  it('is foreign to a stream that took the place of the one it was taken of', async () => {
    const { world } = await twoSnapshots();
    world.log.cluster.createTopic(topics.outbound, 1);
    const claim = {
      epoch: NO_EPOCH,
      inbound: NO_OFFSET,
      prevInbound: NO_OFFSET,
      inboundTime: 0,
      event: null,
      answer: null,
      skipped: null,
      claim: { nonce: Buffer.alloc(16, 5), streamId: 't', foldVersion: 1, partitions: 1 },
    } satisfies OutboundRecord;
    for (let n = 0; n < 60; n++) {
      world.log.cluster.write(topics.outbound, p0, { value: codec.encodeOutbound(claim) });
    }
    const { loaded, refused } = await world.load();
    expect(loaded).toBeNull();
    expect(refused).toEqual(['foreign', 'foreign']);
  });
});

describe('writeSnapshot', () => {
  it('can be killed between any two appends: what is there is the new snapshot whole or the older one', async () => {
    const seen = new Set<number | undefined>();
    for (let allowed = 0; ; allowed++) {
      const world = new World();
      world.fill();
      world.publish(20);
      const { offset: first } = await world.write();
      world.publish(20);
      let appends = 0;
      const written = await world.write(() => ++appends <= allowed).catch(() => null);
      const { loaded } = await world.load();
      expect([first, world.next]).toContain(loaded?.mark.offset);
      seen.add(loaded?.mark.offset);
      if (loaded?.mark.offset === world.next) {
        expect(stateOf(loaded.fold)).toEqual(stateOf(world.fold));
        expect(written).not.toBeNull();
        break;
      }
      expect(written).toBeNull();
    }
    expect(seen.size).toBe(2);
  });

  it('survives appends whose answers are lost, or that are lost themselves', async () => {
    for (const fault of ['response_lost', 'request_lost', 'not_appended'] satisfies AppendFault[]) {
      const world = new World();
      world.fill();
      world.publish(20);
      let appends = 0;
      world.log.cluster.onAppend = () => (++appends % 3 === 1 ? fault : undefined);
      await world.write();
      const { loaded, refused } = await world.load();
      expect(refused).toEqual([]);
      expect(stateOf(loaded?.fold as Fold)).toEqual(stateOf(world.fold));
    }
  });

  it('takes away what one that was killed left behind, and what that one had not come to take away', async () => {
    const world = new World();
    world.fill();
    world.publish(20);
    await world.write();
    world.publish(20);
    await world.write();
    world.publish(20);
    let appends = 0;
    await world.write(() => ++appends <= 3).catch(() => null);
    world.publish(20);
    const next = new World();
    Object.assign(next, { log: world.log, fold: world.fold, next: world.next, published: world.published });
    const { loaded } = await next.load({ shelf: next.shelf });
    next.newest = loaded?.mark.offset ?? null;
    await next.write();
    next.compact();
    const offsets = next.log.cluster
      .records(topics.snapshots, p0)
      .map(({ key }) => parseSnapshotKey(p0, key)?.offset as Offset);
    expect([...new Set(offsets)]).toEqual([loaded?.mark.offset, next.next]);
  });

  it('tells the stream’s id where no claim is left that does', async () => {
    const { world } = await twoSnapshots();
    expect(await streamIdOfSnapshots({ log: world.log, codec, topics, partition: p0 })).toBe('s');
    expect(await streamIdOfSnapshots({ log: new World().log, codec, topics, partition: p0 })).toBeNull();
  });
});
