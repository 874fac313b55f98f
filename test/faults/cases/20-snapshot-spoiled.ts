/**
 * Case 20: snapshots are missing, corrupt, or an old one stands where the newest should. Whoever takes a partition over and whoever starts meanwhile
 * rebuilds from what there is, or from the log; nothing that is not proven is believed.
 */
import { randomBytes } from 'node:crypto';
import { parseSnapshotKey } from '../../../adapters/snapshots/keys.ts';
import type { Partition } from '../../../core/ids.ts';
import type { LogRecord } from '../../../core/ports/event-log.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import { Tools } from '../tools.ts';
import type { World } from '../world.ts';
import { othersOwnAll } from './03-zombie-sequencer.ts';

const SNAPSHOTS_WITHIN_MS = 60_000;

type Manifest = LogRecord & { readonly partition: Partition };
type Spoil = (world: World, tools: Tools) => Promise<string>;

const WAYS: ReadonlyArray<readonly [string, Spoil]> = [
  ['snapshots-deleted', deleteAll],
  ['snapshots-corrupt', corruptNewest],
  ['snapshots-old', putOldOnTop],
];

export const snapshotSpoiled: FaultCase = {
  number: 20,
  name: 'snapshot missing, stale, corrupt',
  seconds: 40,
  environment: { ROOMLOG_SEQUENCER_SNAPSHOT_EVERY_RECORDS: '100', ROOMLOG_SEQUENCER_SNAPSHOT_EVERY_MS: '2000' },
  async run(world) {
    const { processes, roomlog } = world;
    await Tools.with(world, async (tools) => {
      await world.repeat(async () => {
        for (const [name, spoil] of WAYS) {
          await world.allOwned();
          await waitFor(
            async () => {
              const found = await manifests(world, tools);
              return [...found.values()].filter((list) => list.length > 1).length === roomlog.partitions;
            },
            { what: 'two snapshots of every partition', withinMs: SNAPSHOTS_WITHIN_MS },
          );
          const victim = world.random.of(roomlog.sequencers);
          const gateway = world.random.of(roomlog.gateways);
          let what = '';
          let refused = 0;
          await world.fault({
            name,
            async make() {
              // One writer is enough to write them anew, so all stop while they are spoiled.
              for (const one of roomlog.sequencers) await processes.freeze(one);
              world.strike();
              try {
                await processes.kill(victim);
                what = await spoil(world, tools);
                await processes.kill(gateway);
                await processes.restart(gateway);
              } finally {
                for (const one of roomlog.sequencers) if (one !== victim) processes.thaw(one);
              }
              await othersOwnAll(world, victim);
              await processes.restart(victim);
              await world.allOwned();
              refused = await refusals(world);
            },
            async seen() {
              if (name === 'snapshots-corrupt' && refused === 0) return false;
              const loaded = await world.metric(gateway, 'roomlog_gateway_snapshots_loaded_total');
              return `${what}; refused by those that started since: ${refused}; ${gateway} started from ${loaded} snapshots`;
            },
            recovery: 'begin',
          });
        }
      });
    });
  },
};

const refusals = async (world: World): Promise<number> =>
  (await world.metrics(world.roomlog.sequencers, 'roomlog_snapshots_refused_total')) +
  (await world.metrics(world.roomlog.gateways, 'roomlog_gateway_snapshots_refused_total'));

/** By partition, oldest first: the manifests that stand in the topic. */
async function manifests(world: World, tools: Tools): Promise<Map<Partition, Manifest[]>> {
  const found = new Map<Partition, Manifest[]>();
  for (const record of await tools.records(world.roomlog.topics.snapshots)) {
    const { partition, key, value } = record;
    if (value === null || parseSnapshotKey(partition, key)?.chunk !== null) continue;
    found.set(partition, [...(found.get(partition) ?? []), record]);
  }
  return found;
}

/** By tombstones: brokers delete nothing from a compacted topic at once. */
async function deleteAll(world: World, tools: Tools): Promise<string> {
  const keys = new Map<string, { partition: Partition; key: Buffer }>();
  for (const { partition, key } of await tools.records(world.roomlog.topics.snapshots)) {
    if (key !== null) keys.set(`${partition}:${key.toString('latin1')}`, { partition, key });
  }
  for (const { partition, key } of keys.values()) await append(world, tools, partition, [{ key, value: null }]);
  return `all ${keys.size} records of the snapshots topic deleted`;
}

/** A flipped bit in every newest one, and rubbish under the name of one that is newer still. */
async function corruptNewest(world: World, tools: Tools): Promise<string> {
  const found = await manifests(world, tools);
  for (const [partition, list] of found) {
    const { key, value } = list.at(-1) as Manifest;
    const flipped = Buffer.from(value as Buffer);
    const at = 10 + ((randomBytes(1)[0] as number) % (flipped.length - 10));
    flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at);
    const newer = Buffer.from(`${partition}/${1_000_000}/manifest`);
    await append(world, tools, partition, [
      { key, value: flipped },
      { key: newer, value: randomBytes(200) },
    ]);
  }
  return `a bit flipped in the newest snapshot of ${found.size} partitions, and a forged one put behind it`;
}

async function putOldOnTop(world: World, tools: Tools): Promise<string> {
  const found = await manifests(world, tools);
  for (const [partition, list] of found) {
    const { key, value } = list.at(-2) as Manifest;
    await append(world, tools, partition, [{ key, value }]);
  }
  return `the snapshot before the newest written again in ${found.size} partitions`;
}

async function append(
  world: World,
  tools: Tools,
  partition: Partition,
  records: ReadonlyArray<{ key: Buffer | null; value: Buffer | null }>,
): Promise<void> {
  const [outcome] = await tools.log.append(world.roomlog.topics.snapshots, [{ partition, records }]);
  if (outcome?.status !== 'appended') throw outcome?.error ?? new Error('no outcome');
}
