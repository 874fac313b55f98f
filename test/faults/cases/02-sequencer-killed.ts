/**
 * Case 2: a sequencer is killed when its records stand in the log and it does not know yet: the proxy holds every answer
 * back. Its successor must find them in the log, and not write them again.
 */

import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import { dumpLog } from '../dump-log.ts';
import { roleOf } from '../roomlog.ts';
import type { SequencerPartition } from '../world.ts';
import { othersOwnAll } from './03-zombie-sequencer.ts';

/** Answers are late by this much, so at any moment so much of its work stands in the log unknown to it. */
const ANSWERS_LATE_MS = 600;
const STEADY_MS = 1_500;

export const sequencerKilled: FaultCase = {
  number: 2,
  name: 'sequencer killed between produce and response',
  seconds: 40,
  async run(world) {
    const { processes, network, roomlog } = world;
    await world.repeat(async () => {
      await world.allOwned();
      const victim = world.random.of(roomlog.sequencers);
      let known: readonly SequencerPartition[] = [];
      let undo = async (): Promise<void> => {};
      await world.fault({
        name: 'sequencer-killed-before-response',
        async make() {
          undo = await network.add([roleOf(victim)], {
            type: 'latency',
            stream: 'downstream',
            attributes: { latency: ANSWERS_LATE_MS },
          });
          await world.pass(STEADY_MS);
          known = await waitFor(
            async () => {
              const partitions = await world.partitionsOf(victim);
              return partitions.length > 0 && partitions;
            },
            { what: `${victim} owning something`, withinMs: 5_000 },
          );
          await processes.kill(victim);
          world.strike();
          await undo();
        },
        async seen() {
          if (processes.isAlive(victim)) return false;
          const log = await dumpLog(world.cluster, roomlog);
          const ahead = known.reduce((sum, { partition, epoch, lastInbound }) => {
            const own = log.filter((line) => line.partition === partition && line.epoch === epoch && !line.claim);
            return sum + own.filter(({ inbound }) => inbound > lastInbound).length;
          }, 0);
          return ahead > 0 && `${victim} gone; ${ahead} of its records stood in the log that it had not read back`;
        },
        async heal() {
          await othersOwnAll(world, victim);
          await processes.restart(victim);
        },
        recovery: 'begin',
      });
    });
  },
};
