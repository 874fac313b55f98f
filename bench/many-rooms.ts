/**
 * How a sequencer grows with its rooms: memory a room and CPU an event at 1, 2 and 4 times the rooms, over 64 partitions, all of one process.
 *
 *   scripts/bench many-rooms [--rooms 250000] [--scales 1,2,4] [--partitions 64] [--events 500000] [--rounds 3] [--profile DIR] [--quick]
 *
 * For each size a stream of its own: every room publishes once, then `events` more publishes go to rooms in no order. Memory is the heap
 * after a garbage collection, less that of a sequencer without rooms; each room has one session, whose numbers are remembered.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { openCodec } from '../adapters/registry/open-codec.ts';
import { configSchema } from '../core/config/schema.ts';
import { topicsOf } from '../core/names.ts';
import { silentLog } from '../core/ports/logger.ts';
import { prepareStream } from '../scripts/stack/prepare-stream.ts';
import type { Memory, Usage } from './sequencer/measured-child.ts';
import { Prefill } from './sequencer/prefill.ts';
import { startStealMeter } from './support/cpu.ts';
import { kafkaVersion } from './support/kafka-tools.ts';
import { round } from './support/latency.ts';
import { openLog } from './support/open-log.ts';
import { benchOptions } from './support/options.ts';
import { type BenchGoal, type BenchRow, rowOf, writeResult } from './support/result.ts';
import { voidReasons } from './support/rounds.ts';
import { withStack } from './support/stack.ts';

const GIVE_UP_MS = 300_000;
const POLL_MS = 50;
/** A prime: multiples of it visit all rooms, in no order that memory would like. */
const STRIDE = 7_919;
/** Rounds tried for each that is asked for, since void ones are repeated. */
const TRIES = 2;

const { values: options } = benchOptions({
  options: {
    rooms: { type: 'string', default: '250000' },
    scales: { type: 'string', default: '1,2,4' },
    partitions: { type: 'string', default: '64' },
    events: { type: 'string', default: '500000' },
    rounds: { type: 'string', default: '3' },
    payload: { type: 'string', default: '100' },
    profile: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: '17650' },
    out: { type: 'string', default: 'many-rooms' },
  },
});
const base = options.quick ? 20_000 : Number(options.rooms);
const scales = options.scales.split(',').map(Number);
const partitions = Number(options.partitions);
const events = options.quick ? 60_000 : Number(options.events);
const rounds = options.quick ? 2 : Number(options.rounds);
const payloadBytes = Number(options.payload);
const say = (line: string) => void process.stderr.write(`${line}\n`);

interface Found {
  readonly rooms: number;
  readonly bytesPerRoom: number;
  readonly rssBytes: number;
  /** CPU µs an event, of each round. */
  readonly cpuUs: readonly number[];
  readonly stallMs: number;
  readonly voidRounds: number;
}

async function ask<Word extends 'memory' | 'usage'>(
  child: ChildProcess,
  word: Word,
): Promise<Word extends 'memory' ? Memory : Usage> {
  const answer = once(child, 'message');
  child.send(word);
  return (await answer)[0];
}

await withStack({ portBase: Number(options['port-base']), up: ['--infra-only'] }, async (stack) => {
  const { brokers } = stack.file.kafka;
  const log = await openLog(brokers);
  stack.atEnd(() => log.close());
  const untilWritten = async (topic: string, count: number): Promise<void> => {
    const deadline = performance.now() + GIVE_UP_MS;
    for (;;) {
      const ranges = await log.ranges(topic).catch(() => new Map());
      const found = [...ranges.values()].reduce((sum, { end }) => sum + end, 0);
      if (found >= count) return;
      if (performance.now() > deadline) throw new Error(`${found} of ${count} records after ${GIVE_UP_MS} ms`);
      await wait(POLL_MS);
    }
  };

  const measure = async (rooms: number): Promise<Found> => {
    const config = configSchema.parse({
      stream: { prefix: `bench-rooms-${rooms}`, partitions, replicationFactor: 1, minInsyncReplicas: 1 },
      kafka: { brokers: [...brokers] },
      registry: { url: stack.file.registry.url },
      sequencer: { adminPort: Number(options['port-base']) + 90 },
      log: { level: 'warn' },
    });
    await prepareStream(config, () => {});
    const topics = topicsOf(config.stream.prefix);
    const codec = await openCodec(config, silentLog);
    const filling = new Prefill({ log, codec, topic: topics.inbound, partitions, rooms, payloadBytes });
    const child = fork(
      fileURLToPath(new URL('sequencer/measured-child.ts', import.meta.url)),
      [JSON.stringify(config)],
      {
        execArgv: [
          '--max-semi-space-size=64',
          ...(options.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}`]),
        ],
      },
    );
    stack.atEnd(() => child.kill());
    const gone = once(child, 'exit');
    await Promise.race([once(child, 'message'), gone.then(() => Promise.reject(new Error('the sequencer ended')))]);
    await untilWritten(topics.outbound, partitions);
    const without = await ask(child, 'memory');

    await filling.write(rooms, (event) => event);
    // Claims stand between the events; a few records more or less are nothing here.
    await untilWritten(topics.outbound, rooms + partitions);
    await wait(1_000);
    const first = await ask(child, 'memory');
    let before = await ask(child, 'usage');
    let written = rooms;
    const cpuUs: number[] = [];
    let stallMs = 0;
    let voidRounds = 0;
    for (let round = 0; cpuUs.length < rounds && round < rounds * TRIES; round++) {
      const stolenShare = startStealMeter();
      await filling.write(events, (event) => ((event + round * events) * STRIDE) % rooms);
      written += events;
      await untilWritten(topics.outbound, written + partitions);
      await wait(500);
      const after = await ask(child, 'usage');
      const cpu = ((after.cpuMs - before.cpuMs) * 1_000) / events;
      const reasons = voidReasons({ stolen: stolenShare() });
      say(`${rooms} rooms: ${cpu.toFixed(1)} µs an event, stall ${after.stallMs.toFixed(0)} ms; ${reasons.join(', ')}`);
      before = after;
      if (reasons.length > 0) {
        voidRounds += 1;
        continue;
      }
      cpuUs.push(cpu);
      stallMs = Math.max(stallMs, after.stallMs);
    }
    child.send('stop');
    await gone;
    const bytes = first.heapBytes + first.externalBytes - without.heapBytes - without.externalBytes;
    const found = {
      rooms,
      bytesPerRoom: bytes / rooms,
      rssBytes: first.rssBytes,
      cpuUs,
      stallMs,
      voidRounds,
    };
    say(JSON.stringify(found));
    return found;
  };

  const found: Found[] = [];
  for (const scale of scales) found.push(await measure(base * scale));
  if (options.quick) return;

  const rows: BenchRow[] = [];
  for (const { rooms, bytesPerRoom, cpuUs, stallMs } of found) {
    const about = { case: `${rooms.toLocaleString('en')} rooms`, side: 'roomlog' };
    rows.push(rowOf({ ...about, metric: 'memory per room, with a session', unit: 'bytes' }, [bytesPerRoom], 0));
    rows.push(rowOf({ ...about, metric: 'CPU per event', unit: 'µs' }, cpuUs));
    rows.push(rowOf({ ...about, metric: 'longest event-loop stall', unit: 'ms' }, [stallMs]));
  }
  const of = (metric: string, rooms: number) =>
    rows.find((row) => row.metric.startsWith(metric) && row.case.startsWith(rooms.toLocaleString('en')))?.median ??
    Number.NaN;
  const [smallest, largest] = [Math.min(...scales), Math.max(...scales)];
  const growth = (what: string, metric: string, atMost: number): BenchGoal => {
    const value = round(of(metric, base * largest) / of(metric, base * smallest));
    return { figure: 'P10', what: `${what} at ${largest / smallest} times the rooms`, value, unit: '×', atMost };
  };
  const goals =
    scales.length > 1 ? [growth('memory per room', 'memory', 1.1), growth('CPU per event', 'CPU', 1.25)] : [];
  writeResult(options.out, {
    bench: 'many-rooms',
    figure: 'P10',
    command: `scripts/bench many-rooms --rooms ${base} --scales ${options.scales} --partitions ${partitions} --events ${events} --rounds ${rounds}`,
    versions: { kafka: await kafkaVersion() },
    settings: { rooms: scales.map((scale) => scale * base), partitions, events, payloadBytes },
    rounds: found.reduce((sum, { cpuUs }) => sum + cpuUs.length, 0),
    voidRounds: found.reduce((sum, one) => sum + one.voidRounds, 0),
    rows,
    goals,
    notes: [
      'No process is pinned: both sizes are measured alike.',
      'One sequencer process owns all partitions. Publishes are numbered, one session a room; events go to rooms in no order, so that memory is met cold.',
    ],
    detail: found,
  });
});
