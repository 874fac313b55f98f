/**
 * P1 and P2: fan-out of rooms' events to their members, deliveries per CPU-second of the server, against what people would use instead.
 *
 *   scripts/bench fan-out [--figure P1] [--quick] [--repeats 3] [--contenders NAMES] [--window MS] [--payload 200] [--compression]
 *                         [--profile DIR] [--port-base N] [--out NAME]
 *                         [--rooms 1 --members 1000 --rates 20,1000 --seconds 5]      one case of your own instead of the figure's
 *
 * P1: one room of 1,000 members at 20, 200 and 1,000 events/s, and the highest rate of a ladder that holds. P2: 100 and 1,000 rooms of 10 members
 * at 50,000 deliveries/s. Starts Kafka of its own in a temporary state folder; a producer writes outbound in the sequencer's place. Contenders take
 * turns, each in a fresh process with fresh clients; server, clients, and Kafka with the producer have cores of their own where there are four. A rate holds
 * while p99 is at most 50 ms and nothing is lost; whoever is overwhelmed by one isn't asked for higher ones. Writes bench/results/fan-out.json, and fan-out-spread.json for P2, with notes on what the contenders are.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from '../scripts/stack/root.ts';
import { statePaths } from '../scripts/stack/state-dir.ts';
import { buildNative } from './fan-out/build-native.ts';
import { CONTENDERS, type Contender, type Setting } from './fan-out/contenders.ts';
import { report } from './fan-out/figures.ts';
import type { EventsJob, EventsSaid } from './fan-out/messages.ts';
import { type Case, PLANS, playCase, QUICK_PLANS } from './fan-out/plan.ts';
import { heard } from './support/child-messages.ts';
import { benchOptions } from './support/options.ts';
import { layOutCores, pin } from './support/pin.ts';
import { withStack } from './support/stack.ts';

const { values: options } = benchOptions({
  options: {
    figure: { type: 'string', default: 'P1' },
    quick: { type: 'boolean', default: false },
    repeats: { type: 'string' },
    contenders: { type: 'string' },
    rooms: { type: 'string', default: '1' },
    members: { type: 'string', default: '1000' },
    rates: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    window: { type: 'string' },
    payload: { type: 'string', default: '200' },
    compression: { type: 'boolean', default: false },
    profile: { type: 'string' },
    'port-base': { type: 'string', default: '17800' },
    out: { type: 'string' },
  },
});

/** Ports of the stack end well below. */
const SERVER_PORT = Number(options['port-base']) + 90;
/** null: as the plan says. */
const asked: readonly Contender[] | null =
  options.contenders
    ?.split(',')
    .filter((name): name is Contender => (CONTENDERS as readonly string[]).includes(name)) ?? null;
const figure = options.figure === 'P2' ? 'P2' : 'P1';
const out = options.out ?? (figure === 'P2' ? 'fan-out-spread' : 'fan-out');
const repeats = Number(options.repeats ?? (options.quick ? 1 : 3));
const own: Case | null =
  options.rates === undefined
    ? null
    : {
        figure,
        audience: { rooms: Number(options.rooms), membersPerRoom: Number(options.members) },
        rates: options.rates
          .split(',')
          .map((rate) => ({ perSecond: Number(rate), warmUpSeconds: 1, seconds: Number(options.seconds) })),
        ladder: null,
        contenders: asked ?? ['roomlog', 'socket.io', 'ws-send'],
      };
const plan = (own === null ? (options.quick ? QUICK_PLANS : PLANS)[figure] : [own]).map((one) => ({
  ...one,
  contenders: one.contenders.filter((name) => asked?.includes(name) ?? true),
}));
const isBuilt = (name: Contender): boolean => name === 'native' || name === 'nats';
const native = plan.some(({ contenders }) => contenders.some(isBuilt)) ? buildNative() : null;

await withStack({ portBase: Number(options['port-base']), up: ['--infra-only'] }, async (bench) => {
  const { file: stack } = bench;
  const cores = layOutCores();
  const setting: Setting = {
    stack,
    secretFile: statePaths(bench.stateDir).secretFile,
    token: bench.token(),
    cores,
    port: SERVER_PORT,
    windowMs: options.window === undefined ? null : Number(options.window),
    compression: options.compression,
    native,
    profileDir: options.profile ?? null,
    inspectPort: null,
  };
  const job: EventsJob = {
    brokers: stack.kafka.brokers,
    registry: stack.registry.url,
    topic: stack.topics.outbound,
    partitions: stack.partitions,
    rooms: Math.max(...plan.map(({ audience }) => audience.rooms)),
    payloadBytes: Number(options.payload),
  };
  const events = fork(join(ROOT, 'bench/fan-out/events.ts'), [JSON.stringify(job)]);
  bench.atEnd(() => events.kill());
  await heard(events, ({ said }: EventsSaid) => (said === 'ready' ? true : undefined));
  bench.pinInfrastructure(cores, { gatewaysToo: true });
  pin(events.pid as number, cores?.infrastructure);
  const played = [];
  for (const one of plan) played.push({ case: one, rounds: await playCase(one, repeats, setting, events) });
  const chosen = Object.entries(options).filter(
    ([name, value]) => !['profile', 'port-base', 'contenders'].includes(name) && value !== false && value !== undefined,
  );
  const flags =
    own === null
      ? [`--figure ${figure}`, ...(options.quick ? ['--quick'] : [])]
      : chosen.map(([name, value]) => `--${name} ${value}`);
  report(out, {
    command: ['scripts/bench fan-out', ...flags].join(' '),
    played,
    setting,
    settings: {
      partitions: stack.partitions,
      brokers: stack.kafka.brokers.length,
      cores,
      payloadBytes: job.payloadBytes,
      flushWindowMaxMs: setting.windowMs ?? 'default',
      compression: setting.compression,
      repeats,
    },
  });
});
