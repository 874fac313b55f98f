/**
 * Case 10: the schema registry is away. What is known goes on; a gateway and a sequencer that start meanwhile wait for it; a record of
 * a schema that nobody has seen yet makes its partition wait, and is neither dropped nor a dead letter.
 */
import type { Partition } from '../../../core/ids.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import { Tools } from '../tools.ts';
import type { World } from '../world.ts';
import { othersOwnAll } from './03-zombie-sequencer.ts';

const HELD_MS = 5_000;
const WAITING_WITHIN_MS = 40_000;
/** How the names of fields that this case adds begin. */
const ADDED = 'note';
const STARTING = ['gateway-3', 'sequencer-2'] as const;

export const registryDown: FaultCase = {
  number: 10,
  name: 'registry down, also at a process’s start',
  seconds: 30,
  async run(world) {
    const { processes, roomlog } = world;
    await Tools.with(world, async (tools) => {
      await world.repeat(async (round) => {
        await world.allOwned();
        const partition = world.random.between(0, roomlog.partitions - 1) as Partition;
        const newer = await newerInbound(world, round);
        let offset = -1;
        await world.fault({
          name: 'registry-down',
          async make() {
            // Killed, it may lose what it was told last, and the schema with it: that is another fault.
            await processes.stop('registry');
            await world.recovered();
            for (const name of STARTING) {
              await processes.stop(name);
              processes.launch(processes.service(name));
            }
            await othersOwnAll(world, 'sequencer-2');
            const { key, value } = tools.event(tools.roomIn(partition), { newer: round });
            offset = await tools.write(partition, key, asNewer(value, newer));
            await waitFor(() => waitsFor(world, partition), {
              what: 'the partition to wait for the schema',
              withinMs: WAITING_WITHIN_MS,
            });
            await world.pass(HELD_MS);
          },
          async seen() {
            const reasons = await Promise.all(STARTING.map((name) => notReady(world, name)));
            if (!reasons.every((reason) => reason.includes('registry'))) return false;
            if (!(await waitsFor(world, partition))) return false;
            return `registry gone; ${STARTING.join(' and ')} say "${reasons[0]}", partition ${partition} waits for a schema`;
          },
          async heal() {
            await processes.restart('registry');
            await Promise.all(STARTING.map((name) => processes.ready(name)));
          },
          recovery: 'heal',
        });
        await waitFor(
          async () => {
            const all = (await Promise.all(roomlog.sequencers.map((name) => world.partitionsOf(name)))).flat();
            return all.some((one) => one.partition === partition && one.lastInbound >= offset);
          },
          { what: 'the waiting record sequenced', withinMs: WAITING_WITHIN_MS },
        );
        for (const reason of ['schema_not_found', 'bad_avro']) {
          const poisoned = await world.metrics(roomlog.sequencers, 'roomlog_poison_total', { reason });
          if (poisoned > 0) world.problems.push(`${poisoned} records were called poison: ${reason}`);
        }
      });
    });
  },
};

async function waitsFor(world: World, partition: Partition): Promise<boolean> {
  const all = (await Promise.all(world.roomlog.sequencers.map((name) => world.partitionsOf(name)))).flat();
  return all.some((one) => one.partition === partition && one.waitsFor === 'schema');
}

/** What /ready says; '' where it is ready or does not answer. */
async function notReady(world: World, name: string): Promise<string> {
  try {
    const response = await fetch(`${world.roomlog.admin(name)}/ready`, { signal: AbortSignal.timeout(5_000) });
    return response.ok ? '' : await response.text();
  } catch {
    return '';
  }
}

interface NewerSchema {
  readonly id: number;
  /** Fields that the rounds so far have added. */
  readonly added: number;
}

/** Registers a version of inbound's schema that no process has seen: one more optional field at its end. */
async function newerInbound(world: World, round: number): Promise<NewerSchema> {
  const versions = `${world.cluster.registryUrl}/subjects/${world.roomlog.topics.inbound}-value/versions`;
  const { schema } = (await (await fetch(`${versions}/latest`)).json()) as { schema: string };
  const parsed = JSON.parse(schema) as { fields: { name: string }[] };
  parsed.fields.push({ name: `${ADDED}${round}`, type: ['null', 'string'], default: null } as { name: string });
  const response = await fetch(versions, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(parsed) }),
  });
  const { id } = (await response.json()) as { id?: number };
  if (id === undefined) throw new Error(`the registry refused a newer schema: ${response.status}`);
  return { id, added: parsed.fields.filter(({ name }) => name.startsWith(ADDED)).length };
}

/** The same record as the newer schema has it: each field that came since is null. */
function asNewer(value: Buffer, { id, added }: NewerSchema): Buffer {
  const newer = Buffer.concat([value, Buffer.alloc(added)]);
  newer.writeInt32BE(id, 1);
  return newer;
}
