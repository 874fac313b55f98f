/**
 * P10, many rooms with members on one gateway: memory per room, and CPU per event, as rooms grow.
 *
 *   scripts/bench gateway-rooms [--rooms 25000,50000,100000] [--rate 4000] [--seconds 8] [--repeats 3] [--quick]
 *
 * First each room gets an event, while a gateway without members follows: what a room costs of which it has only heard. Then each round in a fresh gateway, which has heard of all of them and
 * whose hot ring is small and full: rooms get a member each (1,000 rooms a connection, the default limit) up to the first number, then events go to them in turn, then up to the next number,
 * and so on. Memory is taken after full collections, over the inspector. A producer writes outbound in the sequencer's place. A round
 * is void where the members' or Kafka's core was over 90 % busy, the hypervisor took over 8 % of all, or an event did not arrive.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../scripts/stack/root.ts';
import { type EventsAsked, type EventsJob, type EventsSaid, WARM_UP_EVENTS } from './fan-out/messages.ts';
import type { MembersAsked, MembersJob, MembersSaid } from './gateway-rooms/messages.ts';
import { heard } from './support/child-messages.ts';
import { cpuSeconds, startStealMeter } from './support/cpu.ts';
import { writeGatewayConfig } from './support/gateway-config.ts';
import { memoryOf } from './support/inspector.ts';
import { median, round } from './support/latency.ts';
import { benchOptions } from './support/options.ts';
import { layOutCores, pin } from './support/pin.ts';
import { type BenchGoal, type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, playInTurn, voidReasons } from './support/rounds.ts';
import { startGateway } from './support/server-process.ts';
import { type BenchStack, withStack } from './support/stack.ts';

const { values: options } = benchOptions({
  options: {
    rooms: { type: 'string', default: '25000,50000,100000' },
    rate: { type: 'string', default: '4000' },
    seconds: { type: 'string', default: '8' },
    'warm-up': { type: 'string', default: '3' },
    repeats: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: '26400' },
    out: { type: 'string', default: 'gateway-rooms' },
  },
});
const sizes = options.rooms.split(',').map(Number);
const perSecond = Number(options.rate);
const seconds = options.quick ? 3 : Number(options.seconds);
const warmUpSeconds = options.quick ? 1 : Number(options['warm-up']);
const repeats = options.quick ? 1 : Number(options.repeats);
const cores = layOutCores();
const ROOMS_PER_CONNECTION = 1_000;
const SETTLE_MS = 10_000;
/** The ring is full before anything is measured: it is no part of what a room costs. */
const RING_BYTES = 262_144;
/** The first event of each room. */
const INTRODUCED_PER_SECOND = 8_000;
/** Until a gateway has read what was written last. */
const FOLLOWED_MS = 1_000;
/** How much more of something the largest size may cost than the smallest. */
const FLAT = 1.25;
let nextPort = Number(options['port-base']) + 100;

interface Size {
  readonly rooms: number;
  /** Against a gateway without any. */
  readonly residentBytesPerRoom: number;
  readonly heapBytesPerRoom: number;
  readonly joinsPerSecond: number;
  readonly cpuUsPerEvent: number;
}

interface Round {
  readonly sizes: readonly Size[];
  readonly void: readonly string[];
}

/** Has the events' process write; resolves when all is sent. `onMeasuring`: the warm-up is over. */
async function write(events: ChildProcess, asked: EventsAsked, onMeasuring?: () => Promise<void>): Promise<void> {
  const measuring = heard(events, ({ said }: EventsSaid) => (said === 'measuring' ? true : undefined));
  const sent = heard(events, ({ said }: EventsSaid) => (said === 'sent' ? true : undefined));
  events.send(asked);
  await measuring;
  await onMeasuring?.();
  await sent;
}

/** Heap and buffers that a room costs a gateway which has only heard of it: no member, no event in the ring. */
async function measureHeardOf(config: string, events: ChildProcess): Promise<number> {
  const port = nextPort;
  nextPort += 3;
  const nodeArgs = [`--inspect=127.0.0.1:${port + 2}`];
  const gateway = await startGateway({ config, name: 'bench-rooms', port, cores: cores?.server, nodeArgs });
  try {
    const rooms = Math.max(...sizes);
    const before = await memoryOf(gateway.pid, port + 2);
    await write(events, { rooms, perSecond: INTRODUCED_PER_SECOND, warmUpEvents: 0, events: rooms });
    await sleep(FOLLOWED_MS);
    const after = await memoryOf(gateway.pid, port + 2);
    return (after.heapBytes - before.heapBytes) / (rooms - Math.min(rooms, WARM_UP_EVENTS));
  } finally {
    await gateway.stop();
  }
}

async function playRound(stack: BenchStack, config: string, token: string, events: ChildProcess): Promise<Round> {
  const port = nextPort;
  nextPort += 3;
  const nodeArgs = [`--inspect=127.0.0.1:${port + 2}`];
  const gateway = await startGateway({ config, name: 'bench-rooms', port, cores: cores?.server, nodeArgs });
  const job: MembersJob = { url: gateway.url, token, roomsPerConnection: ROOMS_PER_CONNECTION };
  const members = fork(join(ROOT, 'bench/gateway-rooms/members.ts'), [JSON.stringify(job)]);
  try {
    const ready = heard(members, ({ said }: MembersSaid) => (said === 'ready' ? true : undefined));
    pin(members.pid as number, cores?.clients[0]);
    await ready;
    const ask = <Said extends MembersSaid['said']>(asked: MembersAsked, said: Said) => {
      const answer = heard(members, (message: MembersSaid) =>
        message.said === said ? (message as Extract<MembersSaid, { said: Said }>) : undefined,
      );
      members.send(asked);
      return answer;
    };
    const empty = await memoryOf(gateway.pid, port + 2);
    const measured: Size[] = [];
    const faults: string[] = [];
    let before = 0;
    for (const rooms of sizes) {
      const { elapsedMs } = await ask({ ask: 'join', rooms }, 'joined');
      const memory = await memoryOf(gateway.pid, port + 2);
      const first = await ask({ ask: 'count' }, 'count');
      const asked: EventsAsked = {
        rooms,
        perSecond,
        warmUpEvents: perSecond * warmUpSeconds,
        events: perSecond * seconds,
      };
      const watched = [...stack.file.kafka.pids, events.pid as number];
      const read = () => ({
        gateway: cpuSeconds(gateway.pid),
        infrastructure: watched.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
      });
      const begin = async () => ({
        atMs: performance.now(),
        cpu: read(),
        stolenShare: startStealMeter(),
        clients: await ask({ ask: 'count' }, 'count'),
      });
      let begun = await begin();
      await write(events, asked, async () => {
        begun = await begin();
      });
      const { atMs, cpu, stolenShare, clients: clientsBefore } = begun;
      const used = read();
      const elapsed = performance.now() - atMs;
      const expected = first.messages + asked.warmUpEvents + asked.events;
      const deadline = performance.now() + SETTLE_MS;
      let last = await ask({ ask: 'count' }, 'count');
      while (last.messages < expected && performance.now() < deadline) {
        await sleep(50);
        last = await ask({ ask: 'count' }, 'count');
      }
      if (last.messages !== expected) faults.push(`${expected - last.messages} events missing`);
      if (last.closed > 0) faults.push(`${last.closed} connections closed`);
      const load = (last.cpuMs - clientsBefore.cpuMs) / elapsed;
      const brokers = ((used.infrastructure - cpu.infrastructure) * 1_000) / elapsed;
      faults.push(...voidReasons({ load, brokers: cores === null ? 0 : brokers, stolen: stolenShare() }));
      measured.push({
        rooms,
        residentBytesPerRoom: Math.round((memory.residentBytes - empty.residentBytes) / rooms),
        heapBytesPerRoom: Math.round((memory.heapBytes - empty.heapBytes) / rooms),
        joinsPerSecond: Math.round(((rooms - before) * 1_000) / elapsedMs),
        cpuUsPerEvent: round(((used.gateway - cpu.gateway) * 1e6) / asked.events),
      });
      before = rooms;
      process.stderr.write(`${JSON.stringify(measured.at(-1))}\n`);
    }
    if (faults.length > 0) process.stderr.write(`VOID: ${faults.join('; ')}\n`);
    return { sizes: measured, void: faults };
  } finally {
    members.kill('SIGKILL');
    await gateway.stop();
  }
}

await withStack({ portBase: Number(options['port-base']), up: ['--infra-only'] }, async (stack) => {
  const config = writeGatewayConfig(stack, {
    ringBytes: RING_BYTES,
    drainWindowMs: 100,
    joinsPerSecond: 100_000,
    handshakesPerSecond: 100_000,
  });
  const job: EventsJob = {
    brokers: stack.file.kafka.brokers,
    registry: stack.file.registry.url,
    topic: stack.file.topics.outbound,
    partitions: stack.file.partitions,
    rooms: Math.max(...sizes),
    payloadBytes: 200,
  };
  const events = fork(join(ROOT, 'bench/fan-out/events.ts'), [JSON.stringify(job)]);
  stack.atEnd(() => events.kill());
  await heard(events, ({ said }: EventsSaid) => (said === 'ready' ? true : undefined));
  stack.pinInfrastructure(cores, { gatewaysToo: true });
  pin(events.pid as number, cores?.infrastructure);
  const token = stack.token();
  const heardOfBytes = await measureHeardOf(config, events);
  process.stderr.write(`${round(heardOfBytes)} bytes for a room that was heard of\n`);
  const played = await playInTurn<'roomlog', Round>({
    sides: ['roomlog'],
    repeats,
    play: () => playRound(stack, config, token, events),
    isVoid: (one) => one.void.length > 0,
  });
  const valid = played.get('roomlog')?.valid ?? [];
  const of = (rooms: number, pick: (size: Size) => number): number[] =>
    valid.map((one) => pick(one.sizes.find((size) => size.rooms === rooms) as Size));
  const rows: BenchRow[] = sizes.flatMap((rooms) => {
    const about = { case: `${rooms.toLocaleString('en-US')} rooms with a member`, side: 'roomlog' };
    return [
      rowOf(
        { ...about, metric: 'resident memory per room with a member', unit: 'bytes' },
        of(rooms, (size) => size.residentBytesPerRoom),
      ),
      rowOf(
        { ...about, metric: 'heap and buffers per room with a member', unit: 'bytes' },
        of(rooms, (size) => size.heapBytesPerRoom),
      ),
      rowOf(
        { ...about, metric: 'CPU per event', unit: 'µs' },
        of(rooms, (size) => size.cpuUsPerEvent),
      ),
      rowOf(
        { ...about, metric: 'joins', unit: '1/s' },
        of(rooms, (size) => size.joinsPerSecond),
      ),
    ];
  });
  const about = { case: `${Math.max(...sizes).toLocaleString('en-US')} rooms without a member`, side: 'roomlog' };
  rows.push(
    rowOf({ ...about, metric: 'heap and buffers per room that was heard of', unit: 'bytes' }, [heardOfBytes], 0),
  );
  const growth = (pick: (size: Size) => number): number =>
    round(median(of(sizes.at(-1) ?? 0, pick)) / median(of(sizes[0] ?? 0, pick)));
  const span = `${sizes.at(-1)?.toLocaleString('en-US')} rooms to ${sizes[0]?.toLocaleString('en-US')}`;
  const goals: BenchGoal[] = [
    {
      figure: 'P10',
      what: `CPU per event, ${span}`,
      value: growth((size) => size.cpuUsPerEvent),
      unit: '×',
      atMost: FLAT,
    },
    {
      figure: 'P10',
      what: `heap and buffers per room with a member, ${span}`,
      value: growth((size) => size.heapBytesPerRoom),
      unit: '×',
      atMost: FLAT,
    },
  ];
  if (options.quick) {
    for (const { what, value } of goals) process.stderr.write(`${what}: ${value}\n`);
    return;
  }
  writeResult(options.out, {
    bench: 'gateway-rooms',
    figure: 'P10',
    command: `scripts/bench gateway-rooms --rooms ${options.rooms} --rate ${perSecond} --seconds ${seconds} --repeats ${repeats}`,
    versions: {},
    settings: {
      roomsPerConnection: ROOMS_PER_CONNECTION,
      membersPerRoom: 1,
      eventsPerSecond: perSecond,
      payloadBytes: 200,
      partitions: stack.file.partitions,
      secondsMeasured: seconds,
      cores,
    },
    ...countRounds(played.values()),
    rows,
    goals,
    notes: [
      'Memory is what a member adds to a room that the gateway has heard of, after full collections: against the same gateway without a member. Each room has one, and a subscription of its own in Redis.',
      `The hot ring is ${RING_BYTES / 1_024} KiB a partition and full from the start, so that it does not count as rooms’ memory.`,
      'CPU is of the whole gateway process over the measured seconds, reading twelve partitions included.',
    ],
    detail: valid,
  });
});
