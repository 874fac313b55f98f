/** Snapshots of a test world, written by the production writer from the test sequencer's fold. */
import { Shelf } from '../../adapters/snapshots/shelf.ts';
import { writeSnapshot } from '../../adapters/snapshots/write.ts';
import { NO_OFFSET, type Offset, type Partition } from '../../core/ids.ts';
import { AnchorTrail } from '../../core/log/anchor-trail.ts';
import { captureFold, type FoldCapture } from '../../core/log/capture.ts';
import { Chain } from '../../core/log/chain.ts';
import { codec, SNAPSHOTS, type TestSequencer, TOPIC } from './test-sequencer.fixture.ts';
import type { World } from './world.fixture.ts';

export interface SnapshotWish {
  /** Changes what is written, hashes and all. */
  readonly change?: (capture: FoldCapture) => FoldCapture;
  readonly keep?: Offset | null;
}

const shelves = new WeakMap<TestSequencer, Shelf>();

/** Writes all that the sequencer has folded down; returns the snapshot's offset. */
export async function takeSnapshot(world: World, sequencer: TestSequencer, wish: SnapshotWish = {}): Promise<Offset> {
  const { partition } = sequencer;
  const end = world.log.cluster.partition(TOPIC, partition).end as Offset;
  const capture = captureFold(sequencer.fold, partition, end);
  const shelf = shelves.get(sequencer) ?? new Shelf();
  shelves.set(sequencer, shelf);
  await writeSnapshot({
    log: world.log,
    codec,
    topic: SNAPSHOTS,
    capture: wish.change?.(capture) ?? capture,
    poison: [],
    anchors: anchorsOf(sequencer),
    bytesSinceClaim: 0,
    takenAt: world.now,
    shelf,
    keep: wish.keep ?? null,
    mayLeave: () => true,
    turn: () => Promise.resolve(),
  });
  return end;
}

/** An anchor behind every tenth record. */
function anchorsOf(sequencer: TestSequencer): ReturnType<AnchorTrail['anchors']> {
  const trail = new AnchorTrail();
  const chain = Chain.atStart();
  sequencer.written.forEach((record, offset) => {
    chain.judge(offset as Offset, record);
    if (offset % 10 === 9 && chain.lastInbound !== NO_OFFSET) trail.note(chain.anchor((offset + 1) as Offset));
  });
  return trail.anchors();
}

/** Retention: forgets all records below `start`. */
export const trim = (world: World, partition: Partition, start: number): void =>
  world.log.cluster.trim(TOPIC, partition, start as Offset);
