/**
 * P4: events per CPU-second of a sequencer, and its longest event-loop stall, on events of 200 bytes; against a bare consume → produce →
 * read-back loop, with a kafkajs group and without any.
 *
 *   scripts/bench sequencer [--events 1000000] [--rooms 10000] [--repeats 3] [--quick] [--profile DIR]
 *
 * Inbound is filled once; each round reads all of it into topics that are new. CPU is user + system of the process under test, between the
 * moments at which a tenth and nine tenths of the events stood in the target topic. All processes share all cores.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { openCodec } from '../adapters/registry/open-codec.ts';
import { configSchema } from '../core/config/schema.ts';
import { topicsOf } from '../core/names.ts';
import { silentLog } from '../core/ports/logger.ts';
import { prepareStream } from '../scripts/stack/prepare-stream.ts';
import { runJavaTools } from './sequencer/java-tools.ts';
import type { LoopJob } from './sequencer/loop.ts';
import { Prefill } from './sequencer/prefill.ts';
import { ROOMLOGS, type Round, resultOf, type Side } from './sequencer/result.ts';
import { cpuSeconds, mainThreadSeconds, startStealMeter } from './support/cpu.ts';
import { kafkaVersion } from './support/kafka-tools.ts';
import { openLog } from './support/open-log.ts';
import { benchOptions } from './support/options.ts';
import { packageVersions } from './support/package-versions.ts';
import { writeResult } from './support/result.ts';
import { playInTurn, voidReasons } from './support/rounds.ts';
import { SequencerProcess } from './support/sequencer-process.ts';
import { withStack } from './support/stack.ts';

const PREFIX = 'bench-p4';
const LOOP_TO = 'bench-p4.bare';
const POLL_MS = 20;
const GIVE_UP_MS = 300_000;
/** What an inbound record has beside its data, about. */
const ENVELOPE_BYTES = 130;
const FIRST_SHARE = 0.1;
const LAST_SHARE = 0.9;

const { values: options } = benchOptions({
  options: {
    events: { type: 'string', default: '1000000' },
    rooms: { type: 'string', default: '10000' },
    repeats: { type: 'string', default: '3' },
    payload: { type: 'string', default: '200' },
    sides: { type: 'string', default: 'roomlog,group loop,best loop' },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
    'port-base': { type: 'string', default: '17600' },
    out: { type: 'string', default: 'sequencer' },
  },
});
const events = options.quick ? 240_000 : Number(options.events);
const repeats = options.quick ? 1 : Number(options.repeats);
const payloadBytes = Number(options.payload);
const rooms = Number(options.rooms);
const portBase = Number(options['port-base']);

const sides = options.sides.split(',') as Side[];

await withStack({ portBase, up: ['--infra-only'] }, async (stack) => {
  const { brokers } = stack.file.kafka;
  const { partitions } = stack.file;
  const config = configSchema.parse({
    stream: { prefix: PREFIX, partitions, replicationFactor: 1, minInsyncReplicas: 1 },
    kafka: { brokers: [...brokers] },
    registry: { url: stack.file.registry.url },
  });
  const say = (line: string) => void process.stderr.write(`${line}\n`);
  await prepareStream(config, say);
  const topics = topicsOf(PREFIX);
  const log = await openLog(brokers);
  const codec = await openCodec(config, silentLog);
  const began = performance.now();
  const filling = new Prefill({ log, codec, topic: topics.inbound, partitions, rooms, payloadBytes });
  await filling.write(events, (event) => event % rooms);
  say(`filled with ${events} events in ${((performance.now() - began) / 1000).toFixed(1)} s`);

  const admin = new Kafka({ clientId: 'bench', brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  stack.atEnd(async () => {
    await admin.disconnect();
    await log.close();
  });

  const written = async (topic: string): Promise<number> => {
    const ranges = await log.ranges(topic);
    return [...ranges.values()].reduce((sum, { end }) => sum + end, 0);
  };
  const untilWritten = async (topic: string, count: number): Promise<number> => {
    const deadline = performance.now() + GIVE_UP_MS;
    for (;;) {
      const found = await written(topic).catch(() => 0);
      if (found >= count) return found;
      if (performance.now() > deadline) throw new Error(`${found} of ${count} events after ${GIVE_UP_MS} ms`);
      await wait(POLL_MS);
    }
  };
  const recreate = async (...names: string[]): Promise<void> => {
    await admin.deleteTopics({ topics: names }).catch(() => {});
    while ((await admin.listTopics()).some((name) => names.includes(name))) await wait(POLL_MS);
    await wait(1_000);
  };

  /** From a tenth to nine tenths of the events. */
  const measure = async (pid: number, topic: string) => {
    const brokerCpu = () => stack.file.kafka.pids.reduce((sum, each) => sum + cpuSeconds(each), 0);
    const first = await untilWritten(topic, events * FIRST_SHARE);
    const stolenShare = startStealMeter();
    const [cpu, main, broker, at] = [cpuSeconds(pid), mainThreadSeconds(pid), brokerCpu(), performance.now()];
    const last = await untilWritten(topic, events * LAST_SHARE);
    const seconds = (performance.now() - at) / 1000;
    const [used, usedByMain] = [cpuSeconds(pid) - cpu, mainThreadSeconds(pid) - main];
    const found = {
      perCpuSecond: (last - first) / used,
      mainMicros: (1e6 * usedByMain) / (last - first),
      helperMicros: (1e6 * (used - usedByMain)) / (last - first),
      perSecond: (last - first) / seconds,
      brokers: (brokerCpu() - broker) / seconds,
      stolen: stolenShare(),
    };
    await untilWritten(topic, events);
    return found;
  };

  const playRoomlog = async (client: string) => {
    await recreate(topics.outbound, topics.snapshots);
    await prepareStream(config, () => {});
    const env: Record<string, string> = {
      ROOMLOG_STREAM_PREFIX: PREFIX,
      ROOMLOG_STREAM_PARTITIONS: String(partitions),
      ROOMLOG_KAFKA_CLIENT: client,
      ROOMLOG_KAFKA_BROKERS: brokers.join(','),
      ROOMLOG_REGISTRY_URL: stack.file.registry.url,
      ROOMLOG_LOG_LEVEL: 'warn',
    };
    if (options.profile !== undefined) env.NODE_OPTIONS = `--cpu-prof --cpu-prof-dir=${options.profile}`;
    const sequencer = new SequencerProcess('bench', portBase + 90, env, `${stack.stateDir}/sequencer.log`);
    // Left alone by an interrupted run, it would join the group of the next one on the same port.
    stack.atEnd(() => sequencer.end('SIGKILL'));
    sequencer.start();
    try {
      await untilWritten(topics.outbound, partitions);
      // What was before does not count: reading sets it back.
      await sequencer.stallMs();
      const found = await measure(sequencer.pid, topics.outbound);
      return {
        ...found,
        stallMs: await sequencer.stallMs(),
        rssBytes: await sequencer.gauge('process_resident_memory_bytes'),
      };
    } finally {
      await sequencer.end('SIGTERM');
    }
  };

  const playLoop = async (loop: LoopJob['loop']) => {
    await recreate(LOOP_TO);
    await admin.createTopics({ topics: [{ topic: LOOP_TO, numPartitions: partitions }] });
    const job: LoopJob = { loop, brokers, partitions, from: topics.inbound, to: LOOP_TO };
    // The same young generation as a sequencer has, and buffers that count with the heap, as they do there under load.
    const execArgv = ['--max-semi-space-size=64', '--external-memory-accounted-in-global-limit'];
    if (options.profile !== undefined) execArgv.push('--cpu-prof', `--cpu-prof-dir=${options.profile}`);
    const child: ChildProcess = fork(
      fileURLToPath(new URL('sequencer/loop.ts', import.meta.url)),
      [JSON.stringify(job)],
      {
        execArgv,
      },
    );
    stack.atEnd(() => child.kill());
    const gone = once(child, 'exit');
    try {
      const found = await measure(child.pid ?? 0, LOOP_TO);
      return { ...found, stallMs: null, rssBytes: null };
    } finally {
      child.kill('SIGTERM');
      await gone;
    }
  };

  const playJavaTools = async () => {
    await recreate(LOOP_TO);
    await admin.createTopics({ topics: [{ topic: LOOP_TO, numPartitions: partitions }] });
    const found = await runJavaTools({
      brokers,
      from: topics.inbound,
      to: LOOP_TO,
      events,
      recordBytes: payloadBytes + ENVELOPE_BYTES,
      dir: stack.stateDir,
    });
    for (const [tool, count] of Object.entries(found)) say(`${tool}: ${Math.round(count)} events per CPU-second`);
    return found;
  };

  const played = await playInTurn<Side, Round>({
    sides,
    repeats,
    isVoid: ({ reasons }) => reasons.length > 0,
    play: async (side) => {
      const found = await (side === 'group loop' || side === 'best loop'
        ? playLoop(side === 'best loop' ? 'raw' : 'group')
        : playRoomlog(ROOMLOGS[side]));
      const reasons = options.quick ? [] : voidReasons({ stolen: found.stolen });
      say(
        `${side}: ${Math.round(found.perCpuSecond)} events per CPU-second, ${Math.round(found.perSecond)}/s, ${found.mainMicros.toFixed(1)} + ${found.helperMicros.toFixed(1)} µs an event, brokers ${found.brokers.toFixed(2)} cores${found.stallMs === null ? '' : `, longest stall ${found.stallMs.toFixed(1)} ms`}${reasons.length > 0 ? `, VOID: ${reasons.join(', ')}` : ''}`,
      );
      return { ...found, reasons };
    },
  });
  if (options.profile !== undefined) return;
  // They stand beside what is measured: where they fail, the rest is not thrown away.
  const java = sides.includes('best loop')
    ? await playJavaTools().catch((error: unknown) => {
        say(`Kafka’s tools: ${String(error)}`);
        return null;
      })
    : null;
  if (options.quick) return;

  const about = `${payloadBytes}-byte events, ${partitions} partitions`;
  writeResult(options.out, {
    bench: 'sequencer',
    figure: 'P4',
    command: `scripts/bench sequencer --events ${events} --rooms ${rooms} --repeats ${repeats} --payload ${payloadBytes}${options.sides === 'roomlog,group loop,best loop' ? '' : ` --sides '${options.sides}'`}`,
    versions: { kafka: await kafkaVersion(), ...packageVersions('kafkajs') },
    settings: {
      events,
      rooms,
      partitions,
      payloadBytes,
      brokers: brokers.length,
      publishes: 'numbered, one session a room',
    },
    ...resultOf({ about, sides, played, java }),
    notes: [
      'No process is pinned, on either side: V8’s helper threads and the brokers’ have the cores that are free, as they would.',
      'The loops copy records as they are; the sequencer decodes, checks, decides, encodes and folds them.',
      'Kafka’s Java tools do one half each, consuming or producing, and are taken once; the start of the virtual machine counts.',
      'All run with V8’s --max-semi-space-size=64 and --external-memory-accounted-in-global-limit; a sequencer sets the second one by itself while it is busy.',
      'The best loop uses Roomlog’s own record encoder and decoder, which are faster than kafkajs’s.',
    ],
  });
  rmSync(`${stack.stateDir}/sequencer.log`, { force: true });
});
