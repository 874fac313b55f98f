/**
 * P8: clients of a lost gateway come back to one whose ring is cold, beside clients who are live there.
 *
 *   scripts/bench reconnect-storm [--clients 5000] [--rooms 500] [--behind 100] [--repeats 3] [--handshakes 500] [--sides roomlog,bare-ws] [--quick]
 *
 * Starts Kafka and a registry of its own, writes rooms' events, and in each round starts a gateway from snapshots, so that none of them is in its
 * ring. 100 members of other rooms are live and get 500 events/s all the time; after a while all clients come back at once, as the SDK does, each with the cursor that it had
 * `behind` events ago. Measured: bytes fetched from Kafka by what the missed ranges have there, the live members' latency before and
 * during, and how long until all are live. Beside it the same clients at bare `ws`, which has what they missed ready in memory (recovery/bare-ws.ts): what Node takes for
 * a storm whatever the server does. Writes bench/results/reconnect-storm.json.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type { RoomId } from '../core/ids.ts';
import type { RoomHead } from '../core/log/room-heads.ts';
import type { Joining, Sample } from './recovery/messages.ts';
import { BenchOutbound } from './recovery/outbound.ts';
import { Setting, type Watched } from './recovery/setting.ts';
import { round, summarise } from './support/latency.ts';
import { machineNow } from './support/machine-clock.ts';
import { benchOptions } from './support/options.ts';
import { packageVersions } from './support/package-versions.ts';
import { layOutCores } from './support/pin.ts';
import { type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, type Played, playInTurn } from './support/rounds.ts';
import { NODE_SERVERS_NOTE } from './support/server-process.ts';
import { type BenchStack, withStack } from './support/stack.ts';

const LIVE_ROOMS = 50;
const MEMBERS_PER_ROOM = 2;
const LIVE_PER_SECOND = 500;
/** Events of each room before those that are missed. */
const HAD = 20;
/** What a busy sequencer writes at once. */
const BATCH_BYTES = 65_536;
const SETTLE_MS = 3_000;
/** The clients begin to connect within this long: the SDK's first back-off is random. */
const SPREAD_MS = 1_000;
/** What the batch format adds to a record's key and value, about: lengths, offset and time. */
const RECORD_BYTES = 10;

const SIDES = ['roomlog', 'bare-ws'] as const;
type Side = (typeof SIDES)[number];

const { values: options } = benchOptions({
  options: {
    clients: { type: 'string', default: '5000' },
    rooms: { type: 'string', default: '500' },
    behind: { type: 'string', default: '100' },
    payload: { type: 'string', default: '200' },
    handshakes: { type: 'string' },
    repeats: { type: 'string', default: '3' },
    sides: { type: 'string', default: SIDES.join(',') },
    quick: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: '17800' },
    profile: { type: 'string' },
    out: { type: 'string', default: 'reconnect-storm' },
  },
});
const clients = Number(options.clients);
const behind = Number(options.behind);
const payloadBytes = Number(options.payload);
const repeats = options.quick ? 1 : Number(options.repeats);
const beforeMs = options.quick ? 4_000 : 10_000;
const portBase = Number(options['port-base']);
const rooms = Array.from({ length: Number(options.rooms) }, (_, index) => `bench/back/${index}` as RoomId);
const liveRooms = Array.from({ length: LIVE_ROOMS }, (_, index) => `bench/live/${index}` as RoomId);

interface Round extends Watched {
  readonly p99BeforeMs: number;
  readonly p99DuringMs: number;
  readonly p50BeforeMs: number;
  readonly p50DuringMs: number;
  readonly samplesDuring: number;
  readonly allLiveMs: number;
  readonly liveAfterP50Ms: number;
  readonly joinP99Ms: number;
  /** What came from Kafka for catching up, by what the ranges have there. */
  readonly fetchedRatio: number;
  readonly fetchedBytes: number;
  readonly recordRatio: number;
  readonly reads: number;
  readonly shared: number;
  readonly refused: number;
  readonly notRecovered: number;
  readonly wrong: readonly string[];
}

const sides = options.sides.split(',').map((asked) => {
  const side = SIDES.find((known) => known === asked);
  if (side === undefined) throw new Error(`--sides takes ${SIDES.join(' and ')}, not "${asked}".`);
  return side;
});
const GROWTH = 'live p99 during / before';
const FETCHED = 'bytes fetched / bytes of the ranges';
const cores = layOutCores();
await withStack({ portBase, up: ['--infra-only'] }, bench);

async function bench(stack: BenchStack): Promise<void> {
  stack.pinInfrastructure(cores, { gatewaysToo: false });
  const setting = new Setting(
    stack,
    cores,
    portBase,
    options.handshakes === undefined ? {} : { handshakesPerSecond: Number(options.handshakes) },
  );
  const outbound = await BenchOutbound.open(setting.config, BATCH_BYTES);
  const data = Buffer.from(JSON.stringify('x'.repeat(payloadBytes - 2)));
  const startMs = Date.now() - 60_000;
  const had = new Map<RoomId, { head: RoomHead; cursor: string }>();
  const wire = { before: 0, records: 0 };
  for (let event = 0; event < HAD + behind; event += 1) {
    if (event === HAD) {
      await outbound.filled();
      wire.before = outbound.writers.reduce((sum, { bytes }) => sum + bytes, 0);
      for (const room of rooms) {
        const head = outbound.of(room).head(room);
        had.set(room, { head, cursor: outbound.of(room).cursor(room, head) });
      }
    }
    for (const room of rooms) await outbound.add(room, data, startMs + event * 10);
  }
  await outbound.filled();
  await outbound.snapshot();
  const missedBytes = outbound.writers.reduce((sum, { bytes }) => sum + bytes, 0) - wire.before;
  const keyBytes = Buffer.byteLength(rooms.at(-1) ?? '');
  const missedRecords = rooms.length * behind;
  const rangeBytes = missedBytes + missedRecords * (keyBytes + RECORD_BYTES);
  const joins = Array.from({ length: clients }, (_, index): Joining => {
    const room = rooms[index % rooms.length] as RoomId;
    const { head, cursor } = had.get(room) as { head: RoomHead; cursor: string };
    return { room, start: { after: cursor }, events: behind, seq: head.seq + behind };
  });

  const played = await playInTurn({
    sides,
    repeats,
    isVoid: (one: Round) => one.voidReasons.length > 0,
    play: (side) => playRound(side, setting, outbound, joins, rangeBytes, missedBytes),
  });
  await outbound.close();
  report(played, {
    clients,
    rooms: rooms.length,
    behind,
    payloadBytes,
    partitions: setting.config.stream.partitions,
    rangeBytes,
    missedBytes,
    liveMembers: LIVE_ROOMS * MEMBERS_PER_ROOM,
    liveEventsPerSecond: LIVE_PER_SECOND,
    batchBytes: BATCH_BYTES,
    spreadMs: SPREAD_MS,
    handshakesPerSecond: setting.config.gateway.handshakesPerSecond,
    historyBytesPerSecond: setting.config.gateway.historyBytesPerSecond,
    historyCacheBytes: setting.config.gateway.historyCacheBytes,
    cores,
  });
}

async function playRound(
  side: Side,
  setting: Setting,
  outbound: BenchOutbound,
  joins: readonly Joining[],
  rangeBytes: number,
  missedBytes: number,
): Promise<Round> {
  let over = false;
  const sending = outbound.send(liveRooms, LIVE_PER_SECOND, payloadBytes, () => over);
  const gateway =
    side === 'roomlog'
      ? await setting.startGateway(options.profile ?? null)
      : await setting.startBareWs({ rooms, had: HAD, behind, payloadBytes });
  const about = { url: gateway.url, token: await setting.token() };
  const members = await setting.members({ ...about, rooms: [...liveRooms, ...liveRooms] });
  const returning = await setting.returning(about);
  try {
    const collected: Sample[] = [];
    await sleep(SETTLE_MS);
    const from = machineNow();
    await sleep(beforeMs);
    const fetchedBefore = await gateway.metric('roomlog_kafka_range_bytes_total');
    const watched = setting.watch(gateway, [members, returning]);
    const began = machineNow();
    const { all } = await returning.ask({ ask: 'return', joins, spreadMs: SPREAD_MS }, 'returned');
    const end = Math.max(...all.map(({ liveAtMs }) => liveAtMs));
    const seen = watched();
    await sleep(500);
    const before = summarise(await members.latencies(from, began, collected));
    const during = summarise(await members.latencies(began, end, collected));
    const fetchedBytes = (await gateway.metric('roomlog_kafka_range_bytes_total')) - fetchedBefore;
    const recordBytes = await gateway.metric('roomlog_history_bytes_read_total');
    const result = {
      ...seen,
      p50BeforeMs: before.p50,
      p99BeforeMs: before.p99,
      p50DuringMs: during.p50,
      p99DuringMs: during.p99,
      samplesDuring: during.samples,
      allLiveMs: round(end - began),
      liveAfterP50Ms: summarise(all.map(({ liveAfterMs }) => liveAfterMs)).p50,
      joinP99Ms: summarise(all.map(({ joinMs }) => joinMs)).p99,
      fetchedRatio: round(fetchedBytes / rangeBytes),
      fetchedBytes,
      recordRatio: round(recordBytes / missedBytes),
      reads: await gateway.metric('roomlog_history_reads_total', 'outcome="read"'),
      shared: await gateway.metric('roomlog_history_reads_total', 'outcome="shared"'),
      refused: all.reduce((sum, one) => sum + one.refused, 0),
      notRecovered: all.filter(({ recovered }) => !recovered).length,
      wrong: [...new Set(all.flatMap(({ wrong }) => (wrong === '' ? [] : [wrong])))].slice(0, 5),
    };
    const fetched =
      side === 'roomlog'
        ? `, fetched ${result.fetchedRatio} × the ranges (${result.reads} reads, ${result.shared} shared)`
        : '';
    const remarks = [
      ...result.voidReasons.map((why) => `VOID: ${why}`),
      ...result.wrong.map((what) => `WRONG: ${what}`),
    ];
    process.stderr.write(
      `${side}: all live after ${result.allLiveMs} ms, p99 ${result.p99BeforeMs} → ${result.p99DuringMs} ms${fetched}, ${result.refused} refused, server ${Math.round(result.gatewayShare * 100)} %${remarks.map((one) => `, ${one}`).join('')}\n`,
    );
    return result;
  } finally {
    over = true;
    await sending;
    await Promise.all([members.stop(), returning.stop()]);
    await gateway.stop();
  }
}

function report(played: ReadonlyMap<Side, Played<Round>>, settings: object): void {
  const rowsOf = (side: Side) => {
    const rounds = played.get(side)?.valid ?? [];
    const about = { case: `${clients} clients, ${behind} events behind`, side };
    return (metric: string, unit: string, pick: (one: Round) => number) =>
      rowOf({ ...about, metric, unit }, rounds.map(pick));
  };
  /** What can be said of any server. */
  const common = (side: Side) => {
    const row = rowsOf(side);
    return [
      row('until all are live', 'ms', (one) => one.allLiveMs),
      row('join to live, p99', 'ms', (one) => one.joinP99Ms),
      row('live p99 before', 'ms', (one) => one.p99BeforeMs),
      row('live p99 during', 'ms', (one) => one.p99DuringMs),
      row('live p50 before', 'ms', (one) => one.p50BeforeMs),
      row('live p50 during', 'ms', (one) => one.p50DuringMs),
      row(GROWTH, '', (one) => one.p99DuringMs / one.p99BeforeMs),
      row('CPU of the server during', 's', (one) => one.gatewayCpuSeconds),
      row('refused handshakes and joins', '', (one) => one.refused),
    ];
  };
  const own = sides.includes('roomlog') ? ownRows(rowsOf('roomlog')) : [];
  const rows = [...sides.flatMap(common), ...own];
  const median = (metric: string) =>
    rows.find((one) => one.side === 'roomlog' && one.metric === metric)?.median ?? Number.NaN;
  const wrong = [...played.values()]
    .flatMap(({ valid }) => valid)
    .reduce((sum, one) => sum + one.wrong.length + one.notRecovered, 0);
  writeResult(options.out, {
    bench: 'reconnect-storm',
    figure: 'P8',
    command: `scripts/bench reconnect-storm --clients ${clients} --rooms ${rooms.length} --behind ${behind} --payload ${payloadBytes} --repeats ${repeats} --sides ${sides.join(',')}`,
    versions: packageVersions('ws'),
    settings: { ...settings },
    ...countRounds(played.values()),
    rows,
    goals: sides.includes('roomlog')
      ? [
          {
            figure: 'P8',
            what: 'bytes fetched from Kafka by those of the ranges',
            value: median(FETCHED),
            unit: '×',
            atMost: 1.2,
          },
          {
            figure: 'P8',
            what: 'live p99 during the storm by that before',
            value: median(GROWTH),
            unit: '×',
            atMost: 2,
          },
          {
            figure: 'P8',
            what: 'clients that got anything else than exactly what they had missed',
            value: wrong,
            unit: '',
            atMost: 0,
          },
        ]
      : [],
    notes: [
      'Bytes fetched are those of record batches in answers, what was cut off at their ends included; the ranges are the records that the clients missed, with keys and the format’s own bytes.',
      'Time until all are live is from the first client’s first try to the last one’s live; handshakes begin at gateway.handshakesPerSecond, at bare ws too.',
      'Bare ws has what was missed in memory as ready frames, one write for each client; it reads live events only, with Roomlog’s reader, and sends them with ws.send.',
      NODE_SERVERS_NOTE,
    ],
    detail: Object.fromEntries([...played].map(([side, { valid }]) => [side, valid])),
  });
}

/** What only a gateway has that reads the log. */
function ownRows(row: (metric: string, unit: string, pick: (one: Round) => number) => BenchRow): BenchRow[] {
  return [
    row(FETCHED, '', (one) => one.fetchedRatio),
    row('record bytes read / record bytes of the ranges', '', (one) => one.recordRatio),
    row('reads of the log', 'reads', (one) => one.reads),
    row('reads shared with others', 'reads', (one) => one.shared),
  ];
}
