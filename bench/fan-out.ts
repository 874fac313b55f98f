/**
 * P1 and P2: fan-out of rooms' events to their members, deliveries per CPU-second of the server, against what people would use instead.
 *
 *   scripts/bench fan-out [--rooms 1] [--members 1000] [--rates 20,200,1000] [--highest] [--seconds 20] [--repeats 3] [--payload 200]
 *                         [--contenders roomlog,roomlog-unbatched,socket.io,ws-send,ws-shared] [--window 20] [--profile DIR] [--out NAME]
 *
 * `--members` is per room, `--rates` are events a second over all rooms. Spread fan-out (P2): `--rooms 100 --members 10 --rates 5000 --out spread-100`.
 * Starts a stack of its own in a temporary state folder. Contenders take turns, each in a fresh process that reads the same topic; servers, clients, and
 * Kafka with sequencer and producer have cores of their own where there are four. A rate counts as failed where p99 is above 50 ms or
 * something was lost; `--highest` raises the last rate by half until it fails. A round is void, repeated and counted where a process of clients or Kafka's cores were over 90 %
 * busy, the hypervisor took over 8 % of the cores, or the producer could not keep the rate. Writes bench/results/NAME.json.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { StackFile } from '../scripts/stack/stack-file.ts';
import type { Round } from './fan-out/messages.ts';
import { CONTENDERS, type Contender, playRound, type Setting } from './fan-out/round.ts';
import { median, round } from './support/latency.ts';
import { describeMachine } from './support/machine.ts';
import { layOutCores, pin } from './support/pin.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Rounds tried for each one asked for, since void ones are repeated. */
const TRIES = 4;
const MAX_P99_MS = 50;
const RAISE = 1.5;
const MAX_RATE = 100_000;

const { values: options } = parseArgs({
  options: {
    rooms: { type: 'string', default: '1' },
    members: { type: 'string', default: '1000' },
    rates: { type: 'string', default: '20,200,1000' },
    highest: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '20' },
    'warm-up': { type: 'string', default: '5' },
    repeats: { type: 'string', default: '3' },
    payload: { type: 'string', default: '200' },
    contenders: { type: 'string', default: CONTENDERS.join(',') },
    window: { type: 'string', default: '20' },
    compression: { type: 'boolean', default: false },
    profile: { type: 'string' },
    'port-base': { type: 'string', default: '17800' },
    out: { type: 'string', default: 'fan-out' },
  },
});

/** Ports of the stack end well below. */
const SERVER_PORT = Number(options['port-base']) + 90;
const repeats = Number(options.repeats);
const contenders = options.contenders
  .split(',')
  .filter((name): name is Contender => (CONTENDERS as readonly string[]).includes(name));
const holds = (one: Round): boolean =>
  one.deliveredMs.p99 <= MAX_P99_MS && one.lost === 0 && one.outOfOrder === 0 && one.closed === 0;

function tell(one: Round): void {
  const { contender, perSecond, deliveredMs, lost } = one;
  process.stderr.write(
    `${contender} at ${perSecond}/s: ${one.deliveriesPerCpuSecond} deliveries per CPU-second, p50 ${deliveredMs.p50} ms, p99 ${deliveredMs.p99} ms, lost ${lost}, server ${Math.round(one.serverCpu * 100)} %, clients ${Math.round(one.clientsCpu * 100)} %, Kafka and sequencer ${Math.round(one.infrastructureCpu * 100)} %, stolen ${Math.round(one.stolen * 100)} %${one.void ? ', VOID' : holds(one) ? '' : ', FAILED'}\n`,
  );
}

/** Rounds of all contenders in turn until each has as many that count, or has been tried often enough. */
async function playRate(names: readonly Contender[], perSecond: number, setting: Setting): Promise<Round[]> {
  const rounds: Round[] = [];
  const valid = (name: string): number => rounds.filter((one) => one.contender === name && !one.void).length;
  for (let turn = 1; turn <= repeats * TRIES; turn += 1) {
    for (const name of names) {
      if (valid(name) >= Math.min(turn, repeats)) continue;
      const one = await playRound(name, perSecond, setting);
      tell(one);
      rounds.push(one);
    }
    if (names.every((name) => valid(name) >= repeats)) break;
  }
  return rounds;
}

function figures(rounds: readonly Round[]) {
  const valid = rounds.filter((one) => !one.void);
  const of = (pick: (one: Round) => number) => {
    const all = valid.map(pick);
    return { median: median(all), min: Math.min(...all), max: Math.max(...all) };
  };
  return {
    rounds: valid.length,
    void: rounds.length - valid.length,
    sustained: valid.length > 0 && valid.every(holds),
    deliveriesPerCpuSecond: of((one) => one.deliveriesPerCpuSecond),
    p50Ms: of((one) => one.deliveredMs.p50),
    p99Ms: of((one) => one.deliveredMs.p99),
    serverCpu: of((one) => one.serverCpu),
    bytesPerDelivery: of((one) => one.bytesPerDelivery),
  };
}

function summarise(rounds: readonly Round[]) {
  const rates = [...new Set(rounds.map(({ perSecond }) => perSecond))].sort((a, b) => a - b);
  return rates.map((perSecond) => {
    const at = contenders.map(
      (name) => [name, rounds.filter((one) => one.perSecond === perSecond && one.contender === name)] as const,
    );
    const results = Object.fromEntries(
      at.filter(([, played]) => played.length > 0).map(([name, played]) => [name, figures(played)]),
    );
    const ours = results.roomlog?.deliveriesPerCpuSecond.median;
    const ratios = Object.entries(results)
      .filter(([name]) => name !== 'roomlog' && ours !== undefined)
      .map(([name, { deliveriesPerCpuSecond }]) => [name, round((ours as number) / deliveriesPerCpuSecond.median)]);
    return { perSecond, results, roomlogTo: Object.fromEntries(ratios) as Record<string, number> };
  });
}

const stateDir = mkdtempSync(join(tmpdir(), 'roomlog-bench-'));
const script = (name: string, ...args: string[]): void => {
  execFileSync(join(root, 'scripts', name), [...args, '--state-dir', stateDir], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
};

try {
  script('up', '--detach', '--port-base', options['port-base']);
  const stack = JSON.parse(readFileSync(join(stateDir, 'stack.json'), 'utf8')) as StackFile;
  const cores = layOutCores();
  const idle = [stack.registry.pid, stack.redis.pid, ...stack.gateways.map(({ pid }) => pid)];
  for (const pid of [...stack.kafka.pids, ...stack.sequencers.map(({ pid }) => pid), ...idle]) {
    if (pid !== null) pin(pid, cores?.infrastructure);
  }
  const token = execFileSync(
    join(root, 'roomlog'),
    ['token', '--state-dir', stateDir, '--user', 'bench', '--room', 'bench/**', '--ttl', '12h'],
    { encoding: 'utf8' },
  ).trim();
  const setting: Setting = {
    stack,
    gatewayConfig: join(stateDir, 'config', `${stack.gateways[0]?.name}.yaml`),
    token,
    cores,
    port: SERVER_PORT,
    rooms: Number(options.rooms),
    membersPerRoom: Number(options.members),
    payloadBytes: Number(options.payload),
    seconds: Number(options.seconds),
    warmUpSeconds: Number(options['warm-up']),
    windowMs: Number(options.window),
    compression: options.compression,
    profileDir: options.profile ?? null,
  };
  const rates = options.rates.split(',').map(Number);
  const rounds: Round[] = [];
  for (const perSecond of rates) rounds.push(...(await playRate(contenders, perSecond, setting)));
  if (options.highest) {
    for (const name of contenders) {
      for (
        let perSecond = (rates.at(-1) as number) * RAISE;
        perSecond <= MAX_RATE;
        perSecond = Math.round(perSecond * RAISE)
      ) {
        const played = await playRate([name], perSecond, setting);
        rounds.push(...played);
        if (!figures(played).sustained) break;
      }
    }
  }
  const summary = summarise(rounds);
  const { profile: _, 'port-base': __, ...chosen } = options;
  const command = Object.entries(chosen)
    .filter(([, value]) => value !== false)
    .map(([name, value]) => (value === true ? `--${name}` : `--${name} ${value}`));
  const result = {
    bench: 'fan-out',
    command: `scripts/bench fan-out ${command.join(' ')}`,
    machine: describeMachine(),
    setting: { ...chosen, cores, partitions: stack.partitions, brokers: stack.kafka.brokers.length },
    summary,
    rounds,
  };
  writeFileSync(join(root, 'bench/results', `${options.out}.json`), `${JSON.stringify(result, null, 2)}\n`);
  for (const { perSecond, roomlogTo } of summary)
    process.stderr.write(`at ${perSecond}/s roomlog is ${JSON.stringify(roomlogTo)} times\n`);
  process.stderr.write(`written to bench/results/${options.out}.json\n`);
} finally {
  script('down');
  rmSync(stateDir, { recursive: true, force: true });
}
