/** Case 7: the network between gateways and Kafka, and between one sequencer and Kafka: cut, and one way only. */
import type { FaultCase } from '../case.ts';
import type { Role } from '../network.ts';
import { roleOf } from '../roomlog.ts';
import type { World } from '../world.ts';
import { othersOwnAll } from './03-zombie-sequencer.ts';

const CUT_MS = 5_000;
const SILENT_MS = 2_000;

type Undo = () => Promise<void>;

export const networkCut: FaultCase = {
  number: 7,
  name: 'network cut: gateway–Kafka, sequencer–Kafka, one-way',
  seconds: 90,
  async run(world) {
    const { network } = world;
    await world.repeat(async () => {
      await gateways(world, 'gateways-cut', () => network.cut(['gateway']));
      await gateways(world, 'gateways-requests-lost', () => network.swallow(['gateway'], 'requests'));
      await gateways(world, 'gateways-answers-lost', () => network.swallow(['gateway'], 'answers'));
      await sequencer(world, 'sequencer-cut', (role) => network.cut([role]));
      await sequencer(world, 'sequencer-requests-lost', (role) => network.swallow([role], 'requests'));
      await sequencer(world, 'sequencer-answers-lost', (role) => network.swallow([role], 'answers'));
    });
  },
};

/** All gateways lose Kafka: nothing is acked before it heals. */
async function gateways(world: World, name: string, make: () => Promise<Undo>): Promise<void> {
  let undo: Undo = async () => {};
  await world.fault({
    name,
    async make() {
      undo = await make();
    },
    async seen() {
      const { acked } = world.totals;
      await world.pass(SILENT_MS);
      return world.totals.acked === acked && `no ack for ${SILENT_MS / 1_000} s`;
    },
    holdMs: CUT_MS - SILENT_MS,
    heal: () => undo(),
    recovery: 'heal',
  });
}

/** One sequencer loses Kafka: the other takes over while the fault goes on. */
async function sequencer(world: World, name: string, make: (role: Role) => Promise<Undo>): Promise<void> {
  await world.allOwned();
  const victim = world.random.of(world.roomlog.sequencers);
  let undo: Undo = async () => {};
  await world.fault({
    name,
    async make() {
      undo = await make(roleOf(victim));
      world.strike();
      await othersOwnAll(world, victim);
    },
    seen: () => `the others took the partitions of ${victim}`,
    holdMs: 1_000,
    heal: () => undo(),
    recovery: 'begin',
  });
}
