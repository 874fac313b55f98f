/**
 * 1,000 stalled clients beside 1,000 healthy ones in the same rooms: what the gateway's memory does in a minute, and what the healthy ones notice.
 *
 *   scripts/bench slow-clients [--clients 1000] [--rooms 10] [--rate 300] [--payload 2000] [--repeats 3] [--quick]
 *
 * A round is one gateway: the healthy ones alone; then as many stalled ones join their rooms and fall behind; then, once all of those have left the
 * live path, and ten seconds later, the minute whose latency counts, and another one whose memory does. The stalled ones never read again; their sockets' buffers are made small (`slow-clients/stalled.py`), so that
 * they go past the gateway's limit and not only the kernel's. Events come as in `fan-out`, straight into outbound. A round in which a
 * process of clients or Kafka's core was over 90 % busy, or the hypervisor took over 8 % of the cores, is void, repeated and
 * counted. Needs Python 3. Writes bench/results/slow-clients.json.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../scripts/stack/root.ts';
import { statePaths } from '../scripts/stack/state-dir.ts';
import { metricOf, readMetrics } from '../test/faults/metrics.ts';
import type { Setting } from './fan-out/contenders.ts';
import type { EventsAsked, EventsJob, EventsSaid } from './fan-out/messages.ts';
import { end, Session } from './fan-out/session.ts';
import { goalsOf, mb, type Round, rowsOf, type Watched } from './slow-clients/result.ts';
import { heard } from './support/child-messages.ts';
import { memoryOf } from './support/inspector.ts';
import { benchOptions } from './support/options.ts';
import { packageVersions } from './support/package-versions.ts';
import { layOutCores, pin } from './support/pin.ts';
import { writeResult } from './support/result.ts';
import { countRounds, playInTurn } from './support/rounds.ts';
import { withStack } from './support/stack.ts';

const { values: options } = benchOptions({
  options: {
    clients: { type: 'string', default: '1000' },
    rooms: { type: 'string', default: '10' },
    rate: { type: 'string', default: '300' },
    payload: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '60' },
    'alone-seconds': { type: 'string', default: '15' },
    repeats: { type: 'string', default: '3' },
    'port-base': { type: 'string', default: '25000' },
    quick: { type: 'boolean', default: false },
    out: { type: 'string', default: 'slow-clients' },
  },
});
const quick = options.quick;
const clients = quick ? 200 : Number(options.clients);
const rooms = Number(options.rooms);
const membersPerRoom = clients / rooms;
const perSecond = Number(options.rate);
const payloadBytes = Number(options.payload);
const seconds = quick ? 15 : Number(options.seconds);
const aloneSeconds = quick ? 10 : Number(options['alone-seconds']);
const repeats = quick ? 1 : Number(options.repeats);
const WARM_UP_SECONDS = 6;
const PORT = Number(options['port-base']) + 90;
const INSPECT_PORT = PORT + 2;
/** Of the gateway under measurement: the default limit; no stalled client is closed while it is looked at; a ring that is full by then. */
const GATEWAY = {
  slowClientBytes: 1_048_576,
  slowClientTimeoutMs: 600_000,
  ringBytes: 1_048_576,
  maxConnectionsPerUser: 10_000,
};
/** Of a stalled client's socket. */
const SOCKET = { receiveBytes: 4_096, maxSegmentBytes: 536 };
/** What a frame has beside the payload, about. */
const FRAME_BYTES = 250;
/** Of the limit, until all of a room's stalled members are surely above it. */
const FILL_FACTOR = 1.2;
const FILL_SLACK_SECONDS = 10;
const SETTLE_SECONDS = 2;
const RSS_EVERY_MS = 250;
const COURSE_STEP = 20;
const KAFKA_WARM_UP = { rooms: 1, perSecond: 2_000, warmUpEvents: 0, events: 10_000 } satisfies EventsAsked;

const rssMb = (pid: number): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

async function watch(session: Session, warmUpSeconds: number, forSeconds: number): Promise<Watched> {
  const rss = [rssMb(session.serverPid)];
  const timer = setInterval(() => rss.push(rssMb(session.serverPid)), RSS_EVERY_MS);
  try {
    const phase = await session.play({ perSecond, warmUpSeconds, seconds: forSeconds });
    const course = rss.filter((_, at) => at % COURSE_STEP === 0).map(Math.round);
    return { phase, rss: { highest: Math.round(Math.max(...rss)), course } };
  } finally {
    clearInterval(timer);
  }
}

/** All live, and not read any more, when it resolves. */
async function startStalled({ token, cores }: Setting): Promise<ChildProcess> {
  const { receiveBytes, maxSegmentBytes } = SOCKET;
  const args = [PORT, token, rooms, membersPerRoom, receiveBytes, maxSegmentBytes].map(String);
  const child = spawn('python3', [join(ROOT, 'bench/slow-clients/stalled.py'), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  pin(child.pid as number, cores?.clients.at(-1));
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`stalled.py ended with ${code}`)));
  failed.catch(() => {});
  await Promise.race([once(child.stdout, 'data'), failed]);
  return child;
}

async function slowMembers(): Promise<number> {
  return metricOf(await readMetrics(`http://127.0.0.1:${PORT + 1}`), 'roomlog_slow_clients', {});
}

async function play(setting: Setting, events: ChildProcess): Promise<Round> {
  const session = await Session.open('roomlog', { rooms, membersPerRoom }, setting, events);
  let stalled: ChildProcess | null = null;
  try {
    const memoryNow = () => memoryOf(session.serverPid, INSPECT_PORT);
    const alone = await watch(session, WARM_UP_SECONDS, aloneSeconds);
    stalled = await startStalled(setting);
    const perMember = (perSecond / rooms) * (payloadBytes + FRAME_BYTES);
    const fillSeconds = Math.ceil((FILL_FACTOR * GATEWAY.slowClientBytes) / perMember) + FILL_SLACK_SECONDS;
    const falling = await watch(session, 0, fillSeconds);
    const before = await slowMembers();
    const beside = await watch(session, SETTLE_SECONDS, seconds);
    // A forced collection leaves V8 with a small young generation: latency is not looked at any more from here on.
    const begin = await memoryNow();
    await watch(session, 0, seconds);
    const memory = { begin, end: await memoryNow() };
    const behind = [before, await slowMembers()] as const;
    const reasons = [...alone.phase.void, ...beside.phase.void];
    if (before !== clients) reasons.push(`only ${before} had left the live path`);
    const one = { alone, falling, beside, memory, behind, void: reasons };
    tell(one);
    return one;
  } finally {
    if (stalled !== null) await end(stalled);
    await session.close();
  }
}

function tell({ alone, falling, beside, memory, behind, void: reasons }: Round): void {
  const one = ({ phase: { deliveredMs, serverCpu, lost }, rss }: Watched): string =>
    `p50 ${deliveredMs.p50} p99 ${deliveredMs.p99} ms, CPU ${serverCpu}, lost ${lost}, RSS ${rss.course.join(' ')} MB`;
  const state = reasons.length > 0 ? `; VOID: ${reasons.join(', ')}` : '';
  const live = Object.entries(memory).map(
    ([when, { heapBytes, residentBytes }]) => `${when} ${mb(heapBytes)} of ${mb(residentBytes)}`,
  );
  process.stderr.write(
    `alone: ${one(alone)}\n  falling behind: ${one(falling)}\n  beside ${behind.join(' to ')} stalled: ${one(beside)}${state}\n  in use after collections, of resident, MB: ${live.join(', ')}\n`,
  );
}

const SAID = (said: EventsSaid['said']) => (message: EventsSaid) => (message.said === said ? true : undefined);

await withStack({ portBase: Number(options['port-base']), up: ['--infra-only'] }, async (bench) => {
  const { file: stack } = bench;
  const cores = layOutCores();
  for (const [key, value] of Object.entries(GATEWAY)) {
    process.env[`ROOMLOG_GATEWAY_${key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`] = `${value}`;
  }
  const setting: Setting = {
    stack,
    secretFile: statePaths(bench.stateDir).secretFile,
    token: bench.token(),
    cores,
    port: PORT,
    windowMs: null,
    compression: false,
    native: null,
    profileDir: null,
    inspectPort: INSPECT_PORT,
  };
  const job: EventsJob = {
    brokers: stack.kafka.brokers,
    registry: stack.registry.url,
    topic: stack.topics.outbound,
    partitions: stack.partitions,
    rooms,
    payloadBytes,
  };
  const events = fork(join(ROOT, 'bench/fan-out/events.ts'), [JSON.stringify(job)]);
  bench.atEnd(() => events.kill());
  await heard(events, SAID('ready'));
  const warm = heard(events, SAID('sent'));
  events.send(KAFKA_WARM_UP);
  await warm;
  bench.pinInfrastructure(cores, { gatewaysToo: true });
  pin(events.pid as number, cores?.infrastructure);
  const played = await playInTurn({
    sides: ['roomlog'],
    repeats,
    tries: 2,
    play: () => play(setting, events),
    isVoid: (one) => one.void.length > 0,
  });
  const valid = played.get('roomlog')?.valid ?? [];
  if (valid.length === 0) throw new Error('no round counts');
  const load = { clients, rooms, perSecond, payloadBytes, seconds };
  writeResult(options.out, {
    bench: 'slow-clients',
    figure: 'issue',
    command: `scripts/bench slow-clients${quick ? ' --quick' : ''}`,
    versions: packageVersions('ws', 'kafkajs'),
    settings: {
      ...load,
      aloneSeconds,
      cores,
      partitions: stack.partitions,
      ...GATEWAY,
      ...SOCKET,
    },
    ...countRounds(played.values()),
    rows: rowsOf(valid, load),
    goals: goalsOf(valid, load),
    notes: [
      `A stalled client’s socket has a receive buffer of ${SOCKET.receiveBytes} bytes and segments of ${SOCKET.maxSegmentBytes}: otherwise the kernel takes some 4 MB for each on loopback before the gateway notices anything.`,
      `The limit of unsent bytes is the default. The time without progress is ${GATEWAY.slowClientTimeoutMs / 1_000} s in place of 60, so that no stalled client is closed while it is measured, and the hot ring is ${GATEWAY.ringBytes / 1_048_576} MiB a partition, so that it is full by then and does not grow.`,
      'Memory is compared after full collections, over the inspector, as a second minute begins and as it ends, whose latency does not count, since such collections shrink V8’s young generation: between two collections the process grows by garbage, with stalled clients and without, as its highest resident memory shows.',
      'The minute beside stalled clients begins when the last of them has left the live path; what happens until then has rows of its own.',
    ],
    plots: [
      { metric: 'p99', as: 'bars' },
      { metric: 'heap and buffers in use', as: 'bars' },
    ],
    detail: { rounds: [...played.values()].flatMap((one) => [...one.valid, ...one.void]) },
  });
});
