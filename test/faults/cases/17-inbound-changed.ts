/**
 * Case 17: somebody adds partitions to inbound, then deletes it and makes it anew. Sequencers that start refuse, and say what the way out is; `roomlog repair
 * skip` is taken, and service comes back: what was acked stays, rooms keep their numbers, what was under way is published again.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMissing, topicSpecs } from '../../../adapters/kafka/topics.ts';
import { silentLog } from '../../../core/ports/logger.ts';
import { ROOT } from '../../../scripts/stack/root.ts';
import { waitFor } from '../../support/wait-for.ts';
import type { FaultCase } from '../case.ts';
import { Tools } from '../tools.ts';
import type { World } from '../world.ts';

const ADDED = 2;
const REFUSES_WITHIN_MS = 60_000;
const REPAIR_WITHIN_MS = 120_000;

export const inboundChanged: FaultCase = {
  number: 17,
  name: 'partition count changed, inbound recreated',
  seconds: 20,
  notVerified: 'verify compares with inbound, and inbound was made anew',
  async run(world) {
    const { processes, roomlog } = world;
    const { sequencers, topics } = roomlog;
    await Tools.with(world, async (tools) => {
      let added = '';
      let replaced = '';
      await world.fault({
        name: 'inbound-changed',
        async make() {
          const count = roomlog.partitions + ADDED;
          await tools.admin.createPartitions({ topicPartitions: [{ topic: topics.inbound, count }] });
          // Those that run go on; nobody new joins them.
          await world.recovered();
          await processes.stop('sequencer-2');
          added = await refusal(world, 'sequencer-2', 'partition_mismatch');

          await world.allOwned();
          world.strike();
          await Promise.all(sequencers.filter((name) => processes.isAlive(name)).map((name) => processes.stop(name)));
          await recreate(world, tools);
          for (const name of sequencers) processes.launch(processes.service(name));
          replaced = await waitFor(
            async () => {
              const all = (await Promise.all(sequencers.map((name) => world.partitionsOf(name)))).flat();
              const halted = all.filter(({ state }) => state === 'halted');
              return halted.length === roomlog.partitions && (halted[0]?.error?.message ?? false);
            },
            { what: 'every partition halted', withinMs: REFUSES_WITHIN_MS },
          );
        },
        seen: () => `new partitions: "${added}"; made anew: "${replaced}"`,
        async heal() {
          world.notes.push(await repair(world));
          await world.allOwned();
        },
        recovery: 'heal',
      });
    });
  },
};

/** Starts the process and waits until it has ended with that code; returns what it said. */
async function refusal(world: World, name: string, code: string): Promise<string> {
  const { processes } = world;
  processes.launch(processes.service(name));
  await waitFor(() => !processes.isAlive(name), { what: `${name} to refuse`, withinMs: REFUSES_WITHIN_MS });
  // It ended by itself, as it should.
  await processes.kill(name);
  const lines = readFileSync(processes.logFile(name), 'utf8').trimEnd().split('\n');
  const said = lines.find((line) => line.includes(code)) ?? lines.findLast((line) => /partition/i.test(line));
  if (said === undefined || !/partitions/.test(said)) {
    world.problems.push(`${name} did not say why it refused: ${lines.slice(-2).join(' ')}`);
  }
  return (said ?? '').slice(0, 300);
}

async function recreate(world: World, tools: Tools): Promise<void> {
  const { config, topics } = world.roomlog;
  await tools.admin.deleteTopics({ topics: [topics.inbound] });
  await waitFor(async () => !(await tools.admin.listTopics()).includes(topics.inbound), {
    what: 'inbound gone',
    withinMs: REFUSES_WITHIN_MS,
  });
  const specs = topicSpecs(config.stream).filter(({ topic }) => topic === topics.inbound);
  await createMissing(config.kafka, specs, config.stream.replicationFactor, silentLog);
}

/** As an operator would. Returns what it said in the end. */
async function repair(world: World): Promise<string> {
  const { cluster, roomlog } = world;
  const env = {
    ...process.env,
    ROOMLOG_KAFKA_BROKERS: cluster.ports.brokers('tools').join(','),
    ROOMLOG_REGISTRY_URL: cluster.registryUrl,
    ROOMLOG_STREAM_PREFIX: roomlog.config.stream.prefix,
    ROOMLOG_STREAM_PARTITIONS: String(roomlog.partitions),
  };
  const args = ['repair', 'skip', '--yes', '--state-dir', join(cluster.paths.root, 'no-stack')];
  const signal = AbortSignal.timeout(REPAIR_WITHIN_MS);
  const child = spawn(join(ROOT, 'roomlog'), args, { env, stdio: ['ignore', 'pipe', 'pipe'], signal });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const skipped = [...output.matchAll(/: skipped, by the record/g)].length;
  if (code !== 0 || skipped !== roomlog.partitions)
    throw new Error(`repair skip ended with ${code}: ${output.slice(-600)}`);
  return `repair skip let ${skipped} partitions go on`;
}
