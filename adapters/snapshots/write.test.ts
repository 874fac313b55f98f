import { describe, expect, it } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import type { Fold } from '../../core/log/fold.ts';
import { stateOf } from '../../test/support/fold-state.ts';
import { codec, p0, topics, twoSnapshots, World } from '../../test/support/snapshots-log.ts';
import type { AppendFault } from '../memory/memory-brokers.ts';
import { parseSnapshotKey } from './keys.ts';
import { streamIdOfSnapshots } from './load.ts';

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
