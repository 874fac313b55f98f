/**
 * P10: clients eight hours behind in sparse rooms of one dense partition of 12,000,000 records come back, beside clients who are live in it.
 *
 *   scripts/bench sparse-room [--events 12000000] [--joins 6] [--repeats 4] [--quick]
 *
 * Starts Kafka and a registry of its own and fills one partition, its events' times spread over eight hours. Every sparse room has one event at the start, which its client
 * has, and three later ones. In each round a gateway starts from a snapshot, 100 members of other rooms of that partition are live with 200 events/s; their latency is measured for
 * a while alone and for as long again while clients join, each another sparse room: by cursor, by time, by newest 3, in turn. Writes
 * bench/results/sparse-room.json. Takes two to three minutes to fill and up to 3 GB, which are given back.
 */

import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RoomId } from '../core/ids.ts';
import { partitionOf } from '../core/log/partition.ts';
import type { Joining, Sample } from './recovery/messages.ts';
import { BenchOutbound } from './recovery/outbound.ts';
import { Setting, type Watched } from './recovery/setting.ts';
import { round, summarise } from './support/latency.ts';
import { machineNow } from './support/machine-clock.ts';
import { benchOptions } from './support/options.ts';
import { layOutCores } from './support/pin.ts';
import { rowOf, writeResult } from './support/result.ts';
import { countRounds, playInTurn } from './support/rounds.ts';
import { type BenchStack, withStack } from './support/stack.ts';

const HOURS = 8;
const SPAN_MS = HOURS * 3_600_000;
const BEHIND = 3;
const DENSE_ROOMS = 500;
const LIVE_ROOMS = 20;
const MEMBERS_PER_ROOM = 5;
const LIVE_PER_SECOND = 200;
/** As much as outbound takes easily, so that it is filled fast. */
const BATCH_BYTES = 262_144;
const SETTLE_MS = 3_000;
const MAX_DISK_BYTES = 3.5e9;
const KINDS = ['after', 'since', 'last'] as const;

const { values: options } = benchOptions({
  options: {
    events: { type: 'string', default: '12000000' },
    joins: { type: 'string', default: '6' },
    payload: { type: 'string', default: '40' },
    repeats: { type: 'string', default: '4' },
    quick: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: '17900' },
    profile: { type: 'string' },
    out: { type: 'string', default: 'sparse-room' },
  },
});
const events = options.quick ? 1_000_000 : Number(options.events);
const joinCount = Number(options.joins);
const payloadBytes = Number(options.payload);
const repeats = options.quick ? 1 : Number(options.repeats);
const windowMs = options.quick ? 4_000 : 8_000;
const portBase = Number(options['port-base']);

interface Round extends Watched {
  readonly p50AloneMs: number;
  readonly p99AloneMs: number;
  readonly p50BesideMs: number;
  readonly p99BesideMs: number;
  readonly liveMs: Readonly<Record<(typeof KINDS)[number], number>>;
  readonly slowestMs: number;
  readonly fetchedBytesEach: number;
  readonly recordBytesEach: number;
  readonly found: number;
  readonly wrong: readonly string[];
  readonly notRecovered: number;
}

const cores = layOutCores();
await withStack({ portBase, up: ['--infra-only'] }, bench);

/** Rooms of partition 0. */
function roomsOf(kind: string, count: number, partitions: number): RoomId[] {
  const rooms: RoomId[] = [];
  for (let index = 0; rooms.length < count; index += 1) {
    const room = `bench/${kind}/${index}` as RoomId;
    if (partitionOf(room, partitions) === 0) rooms.push(room);
  }
  return rooms;
}

async function bench(stack: BenchStack): Promise<void> {
  stack.pinInfrastructure(cores, { gatewaysToo: false });
  const setting = new Setting(stack, cores, portBase, {});
  const { partitions } = setting.config.stream;
  const outbound = await BenchOutbound.open(setting.config, BATCH_BYTES);
  const sparse = roomsOf('sparse', joinCount, partitions);
  const live = roomsOf('live', LIVE_ROOMS, partitions);
  const startMs = Date.now() - SPAN_MS;
  const cursors = new Map<RoomId, string>();
  const fillStarted = performance.now();
  await fill(outbound, sparse, roomsOf('dense', DENSE_ROOMS, partitions), startMs, cursors);
  await outbound.snapshot();
  // Else the disk is busy with it while the first rounds run.
  execFileSync('sync');
  const fillMs = Math.round(performance.now() - fillStarted);
  const logBytes = outbound.writers.reduce((sum, { bytes }) => sum + bytes, 0);
  const diskBytes = stack.diskBytes();
  process.stderr.write(`${events} events, ${Math.round(logBytes / 1e6)} MB, written in ${fillMs} ms\n`);
  if (diskBytes > MAX_DISK_BYTES) throw new Error(`${diskBytes} bytes of disk were used`);
  const joins = sparse.map((room, index): Joining => {
    const kind = KINDS[index % KINDS.length] as (typeof KINDS)[number];
    const start = { after: { after: cursors.get(room) }, since: { since: startMs + 300_000 }, last: { last: BEHIND } };
    return { room, start: start[kind], events: BEHIND, seq: BEHIND + 1 };
  });

  const played = await playInTurn({
    sides: ['roomlog'],
    repeats,
    isVoid: (one: Round) => one.voidReasons.length > 0,
    play: () => playRound(setting, outbound, live, joins),
  });
  await outbound.close();
  report(played.get('roomlog')?.valid ?? [], countRounds(played.values()), {
    events,
    hours: HOURS,
    payloadBytes,
    logBytes,
    diskBytes,
    fillMs,
    joins: joinCount,
    behind: BEHIND,
    windowMs,
    liveMembers: LIVE_ROOMS * MEMBERS_PER_ROOM,
    liveEventsPerSecond: LIVE_PER_SECOND,
    cores,
  });
}

/** Sparse rooms' events lie at the start, and around the quarters. */
async function fill(
  outbound: BenchOutbound,
  sparse: readonly RoomId[],
  dense: readonly RoomId[],
  startMs: number,
  cursors: Map<RoomId, string>,
): Promise<void> {
  const data = Buffer.from(JSON.stringify('x'.repeat(payloadBytes - 2)));
  const due = new Map<number, RoomId[]>();
  for (const [index, room] of sparse.entries()) {
    const spread = Math.floor((index * events) / sparse.length / 5);
    for (const at of [index + 1, ...[1, 2, 3].map((quarter) => Math.floor((quarter * events) / 4) + spread)]) {
      due.set(at, [...(due.get(at) ?? []), room]);
    }
  }
  for (let number = 0; number < events; number += 1) {
    const timeMs = startMs + Math.floor((number / events) * (SPAN_MS - 60_000));
    for (const room of due.get(number) ?? []) {
      await outbound.add(room, data, timeMs);
      const writer = outbound.of(room);
      if (!cursors.has(room)) cursors.set(room, writer.cursor(room, writer.head(room)));
    }
    await outbound.add(dense[number % dense.length] as RoomId, data, timeMs);
  }
  await outbound.filled();
}

async function playRound(
  setting: Setting,
  outbound: BenchOutbound,
  live: readonly RoomId[],
  joins: readonly Joining[],
): Promise<Round> {
  let over = false;
  const sending = outbound.send(live, LIVE_PER_SECOND, payloadBytes, () => over);
  const gateway = await setting.startGateway(options.profile ?? null);
  const about = { url: gateway.url, token: await setting.token() };
  const rooms = Array.from({ length: MEMBERS_PER_ROOM }, () => live).flat();
  const members = await setting.members({ ...about, rooms });
  const returning = await setting.returning(about);
  try {
    const collected: Sample[] = [];
    await sleep(SETTLE_MS);
    const watched = setting.watch(gateway, [members, returning]);
    const from = machineNow();
    await sleep(windowMs);
    const fetchedBefore = await gateway.metric('roomlog_kafka_range_bytes_total');
    const began = machineNow();
    const { all } = await returning.ask({ ask: 'return', joins, spreadMs: windowMs }, 'returned');
    await sleep(Math.max(0, began + windowMs - machineNow()));
    const end = machineNow();
    const seen = watched();
    await sleep(500);
    const alone = summarise(await members.latencies(from, began, collected));
    const beside = summarise(await members.latencies(began, end, collected));
    const fetched = (await gateway.metric('roomlog_kafka_range_bytes_total')) - fetchedBefore;
    const liveOf = (kind: number): number =>
      summarise(all.flatMap(({ joinMs }, index) => (index % KINDS.length === kind ? [joinMs] : []))).p50;
    const result: Round = {
      ...seen,
      p50AloneMs: alone.p50,
      p99AloneMs: alone.p99,
      p50BesideMs: beside.p50,
      p99BesideMs: beside.p99,
      liveMs: { after: liveOf(0), since: liveOf(1), last: liveOf(2) },
      slowestMs: round(Math.max(...all.map(({ joinMs }) => joinMs))),
      fetchedBytesEach: Math.round(fetched / joins.length),
      recordBytesEach: Math.round((await gateway.metric('roomlog_history_bytes_read_total')) / joins.length),
      found: await gateway.metric('roomlog_history_walks_total', 'outcome="found"'),
      wrong: [...new Set(all.flatMap(({ wrong }) => (wrong === '' ? [] : [wrong])))].slice(0, 5),
      notRecovered: all.filter(({ recovered }, index) => index % KINDS.length === 0 && !recovered).length,
    };
    process.stderr.write(
      `p99 ${result.p99AloneMs} → ${result.p99BesideMs} ms; live after ${JSON.stringify(result.liveMs)}, at worst ${result.slowestMs} ms; ${result.fetchedBytesEach} bytes fetched each, ${result.found} found by walks${result.voidReasons.map((why) => `, VOID: ${why}`).join('')}${result.wrong.map((what) => `, WRONG: ${what}`).join('')}\n`,
    );
    return result;
  } finally {
    over = true;
    await sending;
    await Promise.all([members.stop(), returning.stop()]);
    await gateway.stop();
  }
}

function report(
  rounds: readonly Round[],
  counts: { readonly rounds: number; readonly voidRounds: number },
  settings: { readonly logBytes: number } & Readonly<Record<string, unknown>>,
): void {
  const about = { case: `${events} records, ${BEHIND} events behind`, side: 'roomlog' };
  const row = (metric: string, unit: string, pick: (one: Round) => number) =>
    rowOf({ ...about, metric, unit }, rounds.map(pick));
  const moved = row('live p99 beside / alone', '', (one) => one.p99BesideMs / one.p99AloneMs);
  const fetched = row('bytes fetched for a join', 'bytes', (one) => one.fetchedBytesEach);
  const wrong = rounds.reduce((sum, one) => sum + one.wrong.length + one.notRecovered, 0);
  writeResult(options.out, {
    bench: 'sparse-room',
    figure: 'P10',
    command: `scripts/bench sparse-room --events ${events} --joins ${joinCount} --payload ${payloadBytes} --repeats ${repeats}`,
    versions: {},
    settings: { ...settings },
    ...counts,
    rows: [
      row('join to live by cursor, p50', 'ms', (one) => one.liveMs.after),
      row('join to live by time, p50', 'ms', (one) => one.liveMs.since),
      row('join to live by newest 3, p50', 'ms', (one) => one.liveMs.last),
      row('join to live, slowest', 'ms', (one) => one.slowestMs),
      fetched,
      row('live p99 alone', 'ms', (one) => one.p99AloneMs),
      row('live p99 beside', 'ms', (one) => one.p99BesideMs),
      row('live p50 alone', 'ms', (one) => one.p50AloneMs),
      row('live p50 beside', 'ms', (one) => one.p50BesideMs),
      moved,
    ],
    goals: [
      {
        figure: 'issue',
        what: 'live p99 beside the joins by that alone',
        value: moved.median,
        unit: '×',
        atMost: 1.25,
      },
      {
        figure: 'issue',
        what: 'clients that got anything else than their three events',
        value: wrong,
        unit: '',
        atMost: 0,
      },
      {
        figure: 'P10',
        what: 'bytes fetched for one sparse room by those of the partition',
        value: round((fetched.median / settings.logBytes) * 100),
        unit: '%',
        atMost: 1,
      },
    ],
    notes: [
      `${joinCount} joins in ${windowMs / 1_000} s, each of another room, so that none finds what another one read but by chance; a join by cursor also proves the cursor.`,
      'The gateway starts from a snapshot: its anchors are 1,500 to 3,000 records apart, which is what each step of a walk reads on average half of.',
    ],
    detail: rounds,
  });
}
