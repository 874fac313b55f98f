/**
 * How long a partition stands still when a sequencer takes it over: from its assignment to the first new record in outbound, at
 * 100,000 rooms and 50,000 live sessions, as the log grows. Also how long writing a snapshot takes, and how long the event loop stands.
 *
 *   scripts/bench sequencer-recovery [--sizes 300000,1000000,3000000] [--rooms 100000] [--sessions 50000] [--tail 199000] [--rounds 3]
 *
 * Starts a local Kafka of its own. For each size: the log is grown to it, a sequencer writes a snapshot, `tail` more events are
 * written (what the next snapshot would be due after), and a sequencer that writes none takes the partition over, `rounds` times. For
 * comparison the smallest size is taken over without a snapshot too. Sessions have published 4 times each; at the end their windows are
 * filled: 32 times.
 * Writes bench/results/sequencer-recovery.json.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openCodec } from '../adapters/registry/open-codec.ts';
import { configSchema } from '../core/config/schema.ts';
import type { Offset, Partition, RoomId, UserId } from '../core/ids.ts';
import { topicsOf } from '../core/names.ts';
import type { EventLog } from '../core/ports/event-log.ts';
import { silentLog } from '../core/ports/logger.ts';
import { prepareStream } from '../scripts/stack/prepare-stream.ts';
import { type Case, type Recovery, resultOf } from './recovery/cases.ts';
import { GrownLog } from './recovery/grown-log.ts';
import { cpuMs, MeasuredSequencer } from './recovery/measured-sequencer.ts';
import { startStealMeter } from './support/cpu.ts';
import { round } from './support/latency.ts';
import { openLog } from './support/open-log.ts';
import { benchOptions } from './support/options.ts';
import { writeResult } from './support/result.ts';
import { type Played, playInTurn, voidReasons } from './support/rounds.ts';
import { type BenchStack, withStack } from './support/stack.ts';

const p0 = 0 as Partition;
const PUBLISHES = 4;
const FULL_WINDOW = 32;
const GIVE_UP_MS = 120_000;
const POLL_MS = 2;
const IDLE_MS = 1_500;
const TRIES = 2;

const { values: options } = benchOptions({
  options: {
    sizes: { type: 'string', default: '300000,1000000,3000000' },
    rooms: { type: 'string', default: '100000' },
    sessions: { type: 'string', default: '50000' },
    tail: { type: 'string', default: '199000' },
    rounds: { type: 'string', default: '3' },
    'port-base': { type: 'string', default: '17700' },
    out: { type: 'string', default: 'sequencer-recovery' },
  },
});
const sizes = options.sizes.split(',').map(Number);
const [rooms, sessions, tail, rounds] = [options.rooms, options.sessions, options.tail, options.rounds].map(Number) as [
  number,
  number,
  number,
  number,
];

const say = (line: string) => void process.stderr.write(`${line}\n`);

await withStack({ portBase: Number(options['port-base']), up: ['--infra-only'] }, bench);

async function bench({ file: stack }: BenchStack): Promise<void> {
  const config = configSchema.parse({
    stream: { prefix: 'recovery', partitions: 1, replicationFactor: 1, minInsyncReplicas: 1, outboundRetentionMs: -1 },
    kafka: { brokers: [...stack.kafka.brokers] },
    registry: { url: stack.registry.url },
  });
  await prepareStream(config, say);
  const log = await openLog(config.kafka.brokers);
  const codec = await openCodec(config, silentLog);
  const topics = topicsOf(config.stream.prefix);
  const grown = new GrownLog({ log, codec, topics, rooms, sessions, timeMs: Date.now() });

  const cases: Case[] = [];
  await grown.grow(PUBLISHES * sessions, 'numbered');
  for (const size of sizes) {
    await grown.grow(size - grown.events, 'plain');
    cases.push(await measure(PUBLISHES, size === sizes[0]));
  }
  await grown.grow((FULL_WINDOW - PUBLISHES) * sessions, 'numbered');
  cases.push(await measure(FULL_WINDOW, false));
  await log.close();

  writeResult(options.out, {
    bench: 'sequencer-recovery',
    figure: 'recovery',
    command: `scripts/bench sequencer-recovery --sizes ${options.sizes} --rooms ${rooms} --sessions ${sessions} --tail ${tail} --rounds ${rounds}`,
    versions: {},
    settings: { brokers: 1, partitions: 1, rooms, liveSessions: sessions, eventsSinceSnapshot: tail },
    ...resultOf(cases),
  });

  async function measure(publishesPerSession: number, alsoWithout: boolean): Promise<Case> {
    const snapshot = await writeSnapshot();
    await grown.grow(tail, 'plain');
    const eventsInLog = grown.events;
    const play = () => recover(topics.snapshots);
    const played = await playInTurn({
      sides: ['with snapshot'],
      repeats: rounds,
      tries: TRIES,
      play,
      isVoid: ({ stolen }) => voidReasons({ stolen }).length > 0,
    });
    const { valid, void: thrownAway } = played.get('with snapshot') as Played<Recovery>;
    const without = alsoWithout ? await recover('none') : null;
    const found = { eventsInLog, publishesPerSession, snapshot, recoveries: valid, thrownAway, without };
    say(JSON.stringify(found));
    return found;
  }

  /** Has a sequencer write one of all there is. */
  async function writeSnapshot(): Promise<Case['snapshot']> {
    const measured = start(log, topics.snapshots, { snapshotEveryRecords: 1 });
    await measured.sequencer.start();
    const working = () => measured.at('partition taken over') !== undefined;
    await until(working, 'the partition is taken over');
    measured.longestStallMs();
    await until(() => measured.at('snapshot written') !== undefined, 'a snapshot is written');
    const stallMs = measured.longestStallMs();
    const { bytes, tookMs } = measured.fields('snapshot written');
    // What the machine does to a process that does nothing.
    await delay(IDLE_MS);
    const idleStallMs = measured.longestStallMs();
    await measured.stop();
    return { bytes: Number(bytes), tookMs: Number(tookMs), stallMs: round(stallMs), idleStallMs: round(idleStallMs) };
  }

  async function recover(snapshots: string): Promise<Recovery> {
    const stolenShare = startStealMeter();
    const room = 'airport/room-0' as RoomId;
    const value = codec.encodeInbound({
      room,
      user: 'user-0' as UserId,
      session: null,
      pub: null,
      key: null,
      origin: null,
      event: 'flight',
      contentType: null,
      data: Buffer.from('1'),
      expiresAt: null,
      traceparent: null,
    });
    await log.append(topics.inbound, [{ partition: p0, records: [{ key: Buffer.from(room), value }] }]);
    let recoveredAt: number | null = null;
    let cpuMsThen = Number.NaN;
    const from = (await log.ranges(topics.outbound, [p0])).get(p0)?.end ?? (0 as Offset);
    const watch = log.tail({
      topic: topics.outbound,
      onRecords: (_, records) => {
        for (const record of records) {
          const outbound = codec.decodeOutbound(record.value as Buffer);
          if ('unknownSchema' in outbound || outbound.claim !== null || recoveredAt !== null) continue;
          recoveredAt = performance.now();
          cpuMsThen = cpuMs();
        }
      },
      onError: (_, error) => say(error.message),
    });
    watch.assign(p0, from);
    const measured = start(withoutWritingTo(log, topics.snapshots), snapshots, {});
    await measured.sequencer.start();
    await until(() => recoveredAt !== null, 'the partition is taken over');
    const assignedAt = measured.at('partitions assigned') ?? Number.NaN;
    const stallMs = measured.longestStallMs();
    await Promise.all([measured.stop(), watch.stop()]);
    return {
      recoveryMs: round((recoveredAt ?? Number.NaN) - assignedAt),
      usedCpuMs: round(cpuMsThen - measured.cpuMsAt('partitions assigned')),
      loadingMs: round((measured.at('snapshot loaded') ?? assignedAt) - assignedAt),
      stallMs: round(stallMs),
      stolen: stolenShare(),
    };
  }

  function start(through: EventLog, snapshots: string, settings: Partial<typeof config.sequencer>): MeasuredSequencer {
    return new MeasuredSequencer({
      log: through,
      codec,
      topics: { ...topics, snapshots },
      partitions: 1,
      config: { ...config.sequencer, ...settings },
      groupId: 'recovery.sequencer',
    });
  }
}

/** The log to a sequencer whose snapshots never get anywhere: each round finds what the one before found. */
function withoutWritingTo(log: EventLog, topic: string): EventLog {
  return {
    partitionCount: (name) => log.partitionCount(name),
    ranges: (name, partitions) => log.ranges(name, partitions),
    offsetsAt: (name, timeMs, partitions) => log.offsetsAt(name, timeMs, partitions),
    append: (name, batches) =>
      log.append(name, name === topic ? batches.map((batch) => ({ ...batch, mayLeave: () => false })) : batches),
    tail: (tailOptions) => log.tail(tailOptions),
    readRange: (range) => log.readRange(range),
    joinGroup: (group) => log.joinGroup(group),
    reachable: () => log.reachable(),
    close: () => Promise.resolve(),
  };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const since = performance.now();
  while (!holds()) {
    if (performance.now() - since > GIVE_UP_MS) throw new Error(`waited in vain until ${what}`);
    await delay(POLL_MS);
  }
}
