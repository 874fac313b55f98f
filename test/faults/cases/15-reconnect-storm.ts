/**
 * Case 15: a gateway is lost, and thousands come to the others at once, each with what it had some time ago and what no hot ring holds any more. They
 * get exactly what they missed, and the gateways read the log for all of them about once.
 */
import type { Partition } from '../../../core/ids.ts';
import type { FaultCase } from '../case.ts';
import { comeBack, leaveRooms } from '../returning-crowd.ts';
import { Tools } from '../tools.ts';
import type { World } from '../world.ts';

const STRANGERS = 3_000;
/** How long they are away, under load. */
const AWAY_MS = 12_000;
/** Of the log's bytes, for each gateway that serves them: once, and what the load's own clients read meanwhile. */
const MOST_READ = 2;
const GATEWAYS = ['gateway-2', 'gateway-3'];

export const reconnectStorm: FaultCase = {
  number: 15,
  name: 'reconnect storm of thousands',
  seconds: 25,
  environment: { ROOMLOG_GATEWAY_RING_BYTES: '4096' },
  async run(world) {
    const { roomlog, processes, load } = world;
    const token = await roomlog.tokenFor('stranger', [{ pattern: '**', allow: ['join'] }]);
    const [lost = '', ...others] = roomlog.urls();
    await Tools.with(world, (tools) =>
      world.repeat(async () => {
        const had = await leaveRooms(lost, token, load.rooms);
        const from = await tools.log.ranges(roomlog.topics.outbound);
        await world.pass(AWAY_MS);
        let evidence = '';
        await world.fault({
          name: 'reconnect-storm',
          async make() {
            const before = await readBytes(world);
            const sharedBefore = await world.metrics(GATEWAYS, 'roomlog_history_reads_total', { outcome: 'shared' });
            await processes.kill('gateway-1');
            world.strike();
            const came = await comeBack(others, token, had, STRANGERS);
            const read = (await readBytes(world)) - before;
            const shared =
              (await world.metrics(GATEWAYS, 'roomlog_history_reads_total', { outcome: 'shared' })) - sharedBefore;
            const bytes = await bytesSince(tools, roomlog.topics.outbound, from);
            world.problems.push(...new Set(came.flatMap(({ problem }) => (problem === null ? [] : [problem]))));
            const events = came.reduce((sum, one) => sum + one.events, 0);
            const refused = came.reduce((sum, one) => sum + one.refused, 0);
            if (events < STRANGERS) world.problems.push(`only ${events} events were missed by ${STRANGERS} strangers`);
            if (read > MOST_READ * bytes * GATEWAYS.length) {
              world.problems.push(`${read} bytes were read by ${GATEWAYS.length} gateways of a log of ${bytes}`);
            }
            evidence = `${STRANGERS} strangers got ${events} events; two gateways read ${read} bytes of a log of ${bytes}, and shared ${shared} reads`;
            world.notes.push(`${evidence}; ${refused} handshakes or joins were refused and tried again`);
          },
          seen: () => !processes.isAlive('gateway-1') && evidence,
          heal: () => processes.restart('gateway-1'),
          recovery: 'begin',
        });
      }),
    );
  },
};

const readBytes = (world: World): Promise<number> => world.metrics(GATEWAYS, 'roomlog_history_bytes_read_total');

/** Bytes of all records since then. */
async function bytesSince(
  tools: Tools,
  topic: string,
  from: ReadonlyMap<Partition, { readonly end: number }>,
): Promise<number> {
  let bytes = 0;
  for (const [partition, { end }] of await tools.log.ranges(topic)) {
    const start = (from.get(partition)?.end ?? 0) as typeof end;
    for await (const records of tools.log.readRange({ topic, partition, from: start, to: end })) {
      for (const { value } of records) bytes += value?.length ?? 0;
    }
  }
  return bytes;
}
