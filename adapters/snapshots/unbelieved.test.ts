import { describe, expect, it, vi } from 'vitest';
import { type Epoch, NO_EPOCH, NO_OFFSET, type Offset } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { SnapshotRefusal } from '../../core/log/snapshot.ts';
import { codec, flipped, MANY_ROOMS, p0, topics, twoSnapshots, type World } from '../../test/support/snapshots-log.ts';
import { snapshotKey } from './keys.ts';
import type { LoadSnapshotOptions } from './load.ts';

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
