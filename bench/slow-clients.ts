/**
 * 1,000 stalled clients beside 1,000 healthy ones in the same rooms: what the gateway's memory does in a minute, and what the healthy ones notice.
 *
 *   scripts/bench slow-clients [--clients 1000] [--rooms 10] [--rate 300] [--payload 2000] [--repeats 3] [--pairs 2] [--quick]
 *
 * A round is one gateway: the healthy ones alone; then as many stalled ones join their rooms, and once all of those have left the live path, the
 * healthy ones again for just as long; then the stalled ones go, and it begins anew (`slow-clients/round.ts`). A machine's quiet and busy times
 * last for minutes, and what a p99 is made of are a few stalls: so phases are short, equally long, and compared with their neighbour only. After
 * the last pair comes the minute over which memory is compared. The stalled ones never read; their sockets' buffers are made small
 * (`slow-clients/stalled.py`), so that they go past the gateway's limit and not only the kernel's. Events come as in `fan-out`, straight into
 * outbound. A pair in which a process of clients or Kafka's core was over 90 % busy, or the hypervisor took over 8 % of the cores, is void and
 * counted; a round without any that counts is repeated. Needs Python 3. Writes bench/results/slow-clients.json.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../scripts/stack/root.ts';
import { statePaths } from '../scripts/stack/state-dir.ts';
import type { Setting } from './fan-out/contenders.ts';
import type { EventsAsked, EventsJob, EventsSaid } from './fan-out/messages.ts';
import { countsIn, goalsOf, mb, type Round, rowsOf, type Watched } from './slow-clients/result.ts';
import { playRound, type RoundPlan } from './slow-clients/round.ts';
import { heard } from './support/child-messages.ts';
import { benchOptions } from './support/options.ts';
import { packageVersions } from './support/package-versions.ts';
import { layOutCores, pin } from './support/pin.ts';
import { writeResult } from './support/result.ts';
import { playInTurn } from './support/rounds.ts';
import { withStack } from './support/stack.ts';

const { values: options } = benchOptions({
  options: {
    clients: { type: 'string', default: '1000' },
    rooms: { type: 'string', default: '10' },
    rate: { type: 'string', default: '300' },
    payload: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '60' },
    'phase-seconds': { type: 'string', default: '30' },
    repeats: { type: 'string', default: '3' },
    pairs: { type: 'string', default: '2' },
    'port-base': { type: 'string', default: '25000' },
    quick: { type: 'boolean', default: false },
    out: { type: 'string', default: 'slow-clients' },
  },
});
const quick = options.quick;
const clients = quick ? 200 : Number(options.clients);
const rooms = Number(options.rooms);
const perSecond = Number(options.rate);
const payloadBytes = Number(options.payload);
const memorySeconds = quick ? 15 : Number(options.seconds);
const phaseSeconds = quick ? 10 : Number(options['phase-seconds']);
const pairs = quick ? 1 : Number(options.pairs);
const repeats = quick ? 1 : Number(options.repeats);
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
const KAFKA_WARM_UP = { rooms: 1, perSecond: 2_000, warmUpEvents: 0, events: 10_000 } satisfies EventsAsked;
const PLAN: RoundPlan = {
  rooms,
  membersPerRoom: clients / rooms,
  perSecond,
  payloadBytes,
  limitBytes: GATEWAY.slowClientBytes,
  socket: SOCKET,
  phaseSeconds,
  memorySeconds,
  pairs,
};

function tell({ pairs: played, memory }: Round): void {
  const one = ({ phase: { deliveredMs, serverCpu, lost, stolen }, rss }: Watched): string =>
    `p50 ${deliveredMs.p50} p99 ${deliveredMs.p99} ms, CPU ${serverCpu}, stolen ${stolen}, lost ${lost}, RSS ${rss.course.join(' ')} MB`;
  const lines = played.map(({ alone, falling, beside, void: reasons }) => {
    const state = reasons.length > 0 ? `; VOID: ${reasons.join(', ')}` : '';
    return `alone: ${one(alone)}\n  falling behind: ${one(falling)}\n  beside stalled: ${one(beside)}${state}\n`;
  });
  const live = Object.entries(memory).map(
    ([when, { heapBytes, residentBytes }]) => `${when} ${mb(heapBytes)} of ${mb(residentBytes)}`,
  );
  process.stderr.write(`${lines.join('')}  in use after collections, of resident, MB: ${live.join(', ')}\n`);
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
    play: async () => {
      const one = await playRound(PLAN, setting, events);
      tell(one);
      return one;
    },
    isVoid: (one) => !one.pairs.some(countsIn),
  });
  const valid = played.get('roomlog')?.valid ?? [];
  if (valid.length === 0) throw new Error('no round counts');
  const all = [...played.values()].flatMap((one) => [...one.valid, ...one.void]);
  const allPairs = all.flatMap((one) => one.pairs);
  const pairsThatCount = allPairs.filter(countsIn).length;
  const load = { clients, rooms, perSecond, payloadBytes, memorySeconds };
  writeResult(options.out, {
    bench: 'slow-clients',
    figure: 'issue',
    command: `scripts/bench slow-clients${quick ? ' --quick' : ''}`,
    versions: packageVersions('ws', 'kafkajs'),
    settings: {
      ...load,
      phaseSeconds,
      gateways: repeats,
      pairsPerGateway: pairs,
      cores,
      partitions: stack.partitions,
      ...GATEWAY,
      ...SOCKET,
    },
    rounds: pairsThatCount,
    voidRounds: allPairs.length - pairsThatCount,
    rows: rowsOf(valid, load),
    goals: goalsOf(valid, load),
    notes: [
      `A stalled client’s socket has a receive buffer of ${SOCKET.receiveBytes} bytes and segments of ${SOCKET.maxSegmentBytes}: otherwise the kernel takes some 4 MB for each on loopback before the gateway notices anything.`,
      `The limit of unsent bytes is the default. The time without progress is ${GATEWAY.slowClientTimeoutMs / 1_000} s in place of 60, so that no stalled client is closed while it is measured, and the hot ring is ${GATEWAY.ringBytes / 1_048_576} MiB a partition, so that it is full by then and does not grow.`,
      'Memory is compared after full collections, over the inspector, as a minute beside stalled clients begins and as it ends, whose latency does not count, since such collections shrink V8’s young generation: between two collections the process grows by garbage, with stalled clients and without, as its highest resident memory shows.',
      `Rounds are pairs of phases of ${phaseSeconds} s on one gateway: alone, and right after that beside stalled clients, once the last of them has left the live path (what happens until then has rows of its own). Then the stalled ones go, and the next pair begins. The factor is the median over all pairs of p99 beside ÷ p99 alone, each within its pair: phases minutes apart differ by what the hypervisor does meanwhile.`,
    ],
    plots: [
      { metric: 'p99', as: 'bars' },
      { metric: 'heap and buffers in use', as: 'bars' },
    ],
    detail: { rounds: all },
  });
});
