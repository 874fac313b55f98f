/**
 * How long a gateway takes from its start to `/ready` on a long log, with snapshots and without.
 *
 *   scripts/bench gateway-ready [--events 5000000] [--rooms 100000] [--payload 200] [--repeats 3]
 *
 * Starts Kafka and a registry of its own in a temporary state folder, fills outbound with valid chains, and starts real gateway
 * processes: without any snapshot, with snapshots that are as old as they get before a sequencer writes new ones (`sequencer.snapshotEveryRecords` a partition),
 * with ones of every age below that, as a steady load leaves them, and with those of sequencers that were just stopped. Writes
 * bench/results/gateway-ready.json. Takes some minutes and 3 GB at most, which are given back. A round in which the hypervisor took
 * more than 8 % of the cores away is void and repeated, up to twice as many rounds.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openKafkaLog } from '../adapters/kafka/kafka-log.ts';
import { openCodec } from '../adapters/registry/open-codec.ts';
import { Shelf } from '../adapters/snapshots/shelf.ts';
import { writeSnapshot } from '../adapters/snapshots/write.ts';
import { configSchema } from '../core/config/schema.ts';
import type { Offset, Partition, RoomId } from '../core/ids.ts';
import { partitionOf } from '../core/log/partition.ts';
import { silentLog } from '../core/ports/logger.ts';
import { nodeFlags } from '../scripts/stack/node-flags.ts';
import { ROOT } from '../scripts/stack/root.ts';
import { fillOutbound, type Snapshot } from './load/outbound-log.ts';
import { startStealMeter } from './support/cpu.ts';
import { round } from './support/latency.ts';
import { benchOptions } from './support/options.ts';
import { type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, type Played, playInTurn, voidReasons } from './support/rounds.ts';
import { type BenchStack, withStack } from './support/stack.ts';

const TRIES = 2;
const MAX_DISK_BYTES = 3e9;
const READY_WITHIN_MS = 300_000;
const POLL_MS = 20;
/** What a rolling update may wait for each. */
const READY_GOAL_MS = 15_000;
/** `sequencer.snapshotEveryRecords`. */
const { snapshotEveryRecords: SNAPSHOT_EVERY_RECORDS } = configSchema.parse({}).sequencer;

const { values: options } = benchOptions({
  options: {
    events: { type: 'string', default: '5000000' },
    rooms: { type: 'string', default: '100000' },
    payload: { type: 'string', default: '200' },
    repeats: { type: 'string', default: '3' },
    'port-base': { type: 'string', default: '17600' },
    out: { type: 'string', default: 'gateway-ready' },
  },
});
const events = Number(options.events);
const roomCount = Number(options.rooms);
const repeats = Number(options.repeats);
const portBase = Number(options['port-base']);

/** How far the snapshot of a partition is behind the end, in records, in the order in which they are taken. */
const AGES = {
  oldest: () => SNAPSHOT_EVERY_RECORDS,
  steady: (number: number, partitions: number) => Math.round((SNAPSHOT_EVERY_RECORDS * (number + 0.5)) / partitions),
  stopped: () => 0,
};
type Age = keyof typeof AGES;
const NAMES = Object.keys(AGES) as Age[];

interface Round {
  readonly readyMs: number;
  readonly foldedRecords: number;
  readonly rssMiB: number;
  /** CPU time that the gateway itself took, which other processes on the machine change little. */
  readonly cpuMs: number;
  readonly stolen: number;
  /** Processes that wanted a core, over the last minute. */
  readonly load: number;
  readonly void: boolean;
}

const say = (text: string) => process.stderr.write(`${text}\n`);

/** One gateway's start, from its process to `/ready`. */
async function startOnce(config: string, port: number): Promise<Round> {
  const stolenShare = startStealMeter();
  const started = performance.now();
  const gateway = spawn(
    process.execPath,
    [...nodeFlags('gateway'), join(ROOT, 'cli/main.ts'), 'gateway', '--config', config],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const exited = once(gateway, 'exit');
  try {
    const isReady = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => null);
      return answer?.ok === true;
    };
    while (!(await isReady())) {
      if (gateway.exitCode !== null || performance.now() - started > READY_WITHIN_MS) {
        throw new Error(`the gateway was not ready (exit code ${gateway.exitCode})`);
      }
      await sleep(POLL_MS);
    }
    const readyMs = round(performance.now() - started);
    const stolen = stolenShare();
    const health = (await (await fetch(`http://127.0.0.1:${port + 1}/health`)).json()) as {
      readonly stream: { readonly foldedRecords: number };
      readonly memory: { readonly rssBytes: number };
      readonly cpu: { readonly userMs: number; readonly systemMs: number };
    };
    return {
      readyMs,
      foldedRecords: health.stream.foldedRecords,
      rssMiB: Math.round(health.memory.rssBytes / 2 ** 20),
      cpuMs: Math.round(health.cpu.userMs + health.cpu.systemMs),
      stolen,
      load: round(loadavg()[0] ?? 0),
      void: voidReasons({ stolen }).length > 0,
    };
  } finally {
    gateway.kill('SIGTERM');
    await exited;
  }
}

async function measure(name: string, config: string, port: number): Promise<Played<Round>> {
  const played = await playInTurn({
    sides: [name],
    repeats,
    tries: TRIES,
    isVoid: (one) => one.void,
    play: async () => {
      const one = await startOnce(config, port);
      say(
        `${name}: ready after ${one.readyMs} ms (${one.cpuMs} of CPU), ${one.foldedRecords} records folded${one.void ? ', VOID' : ''}`,
      );
      return one;
    },
  });
  return played.get(name) as Played<Round>;
}

function rowsOf(side: string, { valid }: Played<Round>): BenchRow[] {
  const row = (metric: string, unit: string, pick: (one: Round) => number) =>
    rowOf({ case: 'start to /ready', side, metric, unit }, valid.map(pick));
  return [
    row('ready', 'ms', ({ readyMs }) => readyMs),
    row('CPU of the gateway', 'ms', ({ cpuMs }) => cpuMs),
    row('records folded', 'records', ({ foldedRecords }) => foldedRecords),
    row('resident memory', 'MiB', ({ rssMiB }) => rssMiB),
  ];
}

await withStack({ portBase, up: ['--infra-only'] }, bench);

async function bench(stack: BenchStack): Promise<void> {
  const { partitions, topics, ...services } = stack.file;
  const config = configSchema.parse({
    stream: { prefix: services.prefix, partitions },
    kafka: { brokers: [...services.kafka.brokers] },
    registry: { url: services.registry.url },
    redis: { url: services.redis.url },
    auth: { secret: 'a secret for benches that is long enough' },
    gateway: { name: 'bench', port: portBase + 64, adminPort: portBase + 65, drainWindowMs: 1 },
    log: { level: 'error' },
  });
  const configFile = join(stack.stateDir, 'bench-gateway.json');
  writeFileSync(configFile, JSON.stringify(config));
  const log = await openKafkaLog(config, { clientId: 'bench', logger: silentLog });
  const codec = await openCodec(config, silentLog);

  const rooms: RoomId[][] = Array.from({ length: partitions }, () => []);
  for (let index = 0; index < roomCount; index += 1) {
    const room = `airport/gate-${index}` as RoomId;
    rooms[partitionOf(room, partitions)]?.push(room);
  }
  const each = Math.ceil(events / partitions);
  const fillStarted = performance.now();
  const filled = await fillOutbound({
    log,
    codec,
    topic: topics.outbound,
    partitions,
    events,
    payloadBytes: Number(options.payload),
    roomsOf: (number) => rooms[number] ?? [],
    capturesOf: (number) => NAMES.map((name) => Math.max(1, each - AGES[name](number, partitions))),
  });
  const fillMs = Math.round(performance.now() - fillStarted);
  say(`${filled.records} records, ${Math.round(filled.bytes / 1e6)} MB, written in ${fillMs} ms`);

  const rounds: Record<string, Played<Round>> = {};
  rounds['without snapshots'] = await measure('without snapshots', configFile, config.gateway.port);
  const shelves = rooms.map(() => new Shelf());
  for (const [index, name] of NAMES.entries()) {
    let bytes = 0;
    for (const [number, snapshots] of filled.snapshots.entries()) {
      const { capture, anchors } = snapshots[index] as Snapshot;
      const written = await writeSnapshot({
        log,
        codec,
        topic: topics.snapshots,
        capture,
        poison: [],
        anchors,
        bytesSinceClaim: 0,
        takenAt: Date.now(),
        shelf: shelves[number as Partition] as Shelf,
        keep: null as Offset | null,
        mayLeave: () => true,
        turn: () => new Promise((resolve) => setImmediate(resolve)),
      });
      bytes += written.bytes;
    }
    say(`${name} snapshots: ${Math.round(bytes / 1e3)} kB`);
    rounds[`${name} snapshots`] = await measure(`${name} snapshots`, configFile, config.gateway.port);
  }
  await log.close();
  const usedBytes = stack.diskBytes();
  if (usedBytes > MAX_DISK_BYTES) throw new Error(`${usedBytes} bytes of disk were used`);

  const rows = Object.entries(rounds).flatMap(([side, played]) => rowsOf(side, played));
  const worst = rows.filter(({ metric, side }) => metric === 'ready' && side !== 'without snapshots');
  writeResult(options.out, {
    bench: 'gateway-ready',
    figure: 'recovery',
    command: `scripts/bench gateway-ready --events ${events} --rooms ${roomCount} --payload ${options.payload} --repeats ${repeats}`,
    versions: {},
    settings: {
      events,
      rooms: roomCount,
      payloadBytes: Number(options.payload),
      partitions,
      brokers: 1,
      logRecords: filled.records,
      logBytes: filled.bytes,
      diskBytes: usedBytes,
      fillMs,
    },
    ...countRounds(Object.values(rounds)),
    rows,
    goals: [
      {
        figure: 'issue',
        what: 'gateway ready with snapshots of any age',
        value: Math.max(...worst.map((row) => row.median)),
        unit: 'ms',
        atMost: READY_GOAL_MS,
      },
    ],
    notes: [
      `Snapshots: oldest, ${SNAPSHOT_EVERY_RECORDS} records behind in every partition; steady, of every age below that; stopped, those of sequencers that were just stopped.`,
    ],
    detail: rounds,
  });
}
