/** Case 6: connections are reset as soon as Kafka answers: appends are in the log, and nobody was told. */
import type { FaultCase } from '../case.ts';
import type { World } from '../world.ts';

const RESET_MS = 300;
const BETWEEN_MS = 700;
const LEAST_RESETS = 4;
const MOST_RESETS = 20;

export const responseLost: FaultCase = {
  number: 6,
  name: 'response lost after the append',
  seconds: 40,
  async run(world) {
    await world.repeat(async () => {
      const before = await unknowns(world);
      await world.fault({
        name: 'responses-lost',
        make: () => resets(world, async () => (await unknowns(world)).every((count, at) => count > (before[at] ?? 0))),
        async seen() {
          const [sequencers = 0, gateways = 0] = (await unknowns(world)).map((count, at) => count - (before[at] ?? 0));
          if (sequencers === 0 || gateways === 0) return false;
          return `appends of unknown outcome: ${sequencers} by sequencers, ${gateways} by gateways`;
        },
        recovery: 'heal',
      });
    });
    const repeats = await world.metric('gateway-1', 'roomlog_outbound_records_total', { verdict: 'repeat' });
    const duplicates = await world.metrics(world.roomlog.sequencers, 'roomlog_sequenced_total', { kind: 'answer' });
    world.notes.push(
      `${repeats} repeated outbound records dropped, ${duplicates} inbound records answered without an event`,
    );
  },
};

/** Resets all connections to Kafka at their next answer, again and again until `enough`. */
async function resets(world: World, enough: () => Promise<boolean>): Promise<void> {
  for (let count = 1; count <= MOST_RESETS; count++) {
    const undo = await world.network.add(['gateway', 'sequencer-1', 'sequencer-2'], {
      type: 'reset_peer',
      stream: 'downstream',
      attributes: { timeout: 0 },
    });
    await world.pass(RESET_MS);
    await undo();
    await world.pass(BETWEEN_MS);
    if (count >= LEAST_RESETS && (await enough())) return;
  }
}

/** Appends whose outcome stayed unknown: of sequencers, of gateways. */
async function unknowns(world: World): Promise<[number, number]> {
  const { sequencers, gateways } = world.roomlog;
  return [
    await world.metrics(sequencers, 'roomlog_append_retries_total', { status: 'unknown' }),
    await world.metrics(gateways, 'roomlog_append_failures_total', { status: 'unknown' }),
  ];
}
