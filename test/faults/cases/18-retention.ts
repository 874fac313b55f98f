/**
 * Case 18: retention deletes what a reader that was away has not seen, and what a gateway that starts would begin with. The reader gets a `gap` that
 * names exactly what it can't have, then everything since; rooms keep their numbers.
 */
import type { Partition, RoomId } from '../../../core/ids.ts';
import { partitionOf } from '../../../core/log/partition.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import { LaggingReader } from '../lagging-reader.ts';
import { Tools } from '../tools.ts';

/** Records of each partition that stay. */
const KEPT_RECORDS = 20;
const MISSED_WITHIN_MS = 60_000;
/** Events that the reader should miss at least. */
const LEAST_MISSED = 10;

export const retention: FaultCase = {
  number: 18,
  name: 'retention passes a lagging reader',
  seconds: 30,
  environment: { ROOMLOG_SEQUENCER_SNAPSHOT_EVERY_RECORDS: '100', ROOMLOG_SEQUENCER_SNAPSHOT_EVERY_MS: '2000' },
  notVerified:
    'the last records before the end hold no claim to begin with; the checker has the whole log, kept before the rest was deleted',
  async run(world) {
    const { processes, roomlog, recorder } = world;
    const gateway = 'gateway-1';
    const url = roomlog.urls()[0] ?? '';
    const user = world.load.users[0] ?? '';
    await Tools.with(world, async (tools) => {
      await world.repeat(async (round) => {
        const room = world.load.rooms[round % world.load.rooms.length] ?? '';
        const partition = partitionOf(room as RoomId, roomlog.partitions);
        const token = await roomlog.token(user);
        const reader = new LaggingReader({ client: `lagging-${round}`, user, token, room }, recorder);
        await reader.come(url);
        await waitFor(() => reader.seq > 0, { what: 'an event for the lagging reader', withinMs: MISSED_WITHIN_MS });
        reader.leave();
        const left = reader.seq;
        await world.fault({
          name: 'retention-passed-reader',
          async make() {
            const { end } = (await tools.log.ranges(roomlog.topics.outbound)).get(partition) ?? { end: 0 };
            // Until so much stands behind what it has seen that some of it goes.
            await waitFor(
              async () => {
                const now = (await tools.log.ranges(roomlog.topics.outbound)).get(partition)?.end ?? 0;
                return now - end > KEPT_RECORDS + LEAST_MISSED * 4;
              },
              { what: 'enough events behind it', withinMs: MISSED_WITHIN_MS },
            );
            // Before the log is kept: nothing may be deleted that was not read.
            const ranges = await tools.log.ranges(roomlog.topics.outbound);
            await world.keepLog();
            const starts = [...ranges].map(([at, range]) => [at, range.end - KEPT_RECORDS] as [Partition, number]);
            await tools.trim(roomlog.topics.outbound, new Map(starts.filter(([, start]) => start > 0)));
            // Its hot ring still has what Kafka has not.
            await processes.kill(gateway);
            await processes.restart(gateway);
            await reader.come(url);
          },
          seen: () =>
            reader.missed > 0 &&
            `${reader.missed} events behind ${left} of ${room} deleted, told in ${reader.gaps} gap frames; then went on to ${reader.seq}`,
          recovery: 'heal',
        });
        reader.leave();
      });
    });
  },
};
