/**
 * Where a publish's time goes: the stations of P3's way on the machine's clock, with Roomlog's own programs.
 *
 *   scripts/bench publish-trace [--rate 1000] [--seconds 10] [--members 10] [--gateways 1] [--profile DIR]
 *
 * Prints a table: the time between neighbouring stations (mean, p50, p99; of several gateways, the first that an event passes), the requests to Kafka a second, and CPU by process. `--profile`
 * keeps CPU profiles of gateway and sequencer, from the first seconds of load on, in a folder.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runSpread } from './load/spread.ts';
import { startCpuMeter } from './support/cpu.ts';
import { summarise } from './support/latency.ts';
import { benchOptions } from './support/options.ts';
import { withStack } from './support/stack.ts';

/** Most of what brokers run has been compiled by then; before, they take twice the CPU. */
const WARM_UP_SECONDS = 25;
const HOOKS = fileURLToPath(new URL('trace/preload.mjs', import.meta.url));

const { values: options } = benchOptions({
  options: {
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '10' },
    members: { type: 'string', default: '10' },
    gateways: { type: 'string', default: '1' },
    payload: { type: 'string', default: '200' },
    'port-base': { type: 'string', default: '17500' },
    profile: { type: 'string' },
  },
});
const rate = Number(options.rate);
const seconds = Number(options.seconds);

interface Trace {
  readonly stations: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly requests: Readonly<Record<string, { count: number; ms: number }>>;
}

/** On the way of an event, each from the one before. */
const WAY = [
  'sent',
  'gateway has the publish',
  'gateway append inbound',
  'sequencer reads inbound',
  'sequencer append outbound',
  'gateway reads outbound',
  'delivered to the first',
  'delivered to all',
];
/** Beside the way. */
const BESIDE: ReadonlyArray<readonly [from: string, to: string]> = [
  ['gateway append inbound', 'gateway appended inbound'],
  ['sequencer append outbound', 'sequencer appended outbound'],
  ['sequencer append outbound', 'sequencer reads outbound'],
  ['intended', 'delivered to all'],
];

const dir = mkdtempSync(join(tmpdir(), 'roomlog-trace-'));
const profiling = options.profile === undefined ? {} : { ROOMLOG_TEST_TRACE_PROFILES: resolve(options.profile) };
try {
  await withStack(
    {
      portBase: Number(options['port-base']),
      up: ['--gateways', options.gateways],
      env: { NODE_OPTIONS: `--import ${HOOKS}`, ROOMLOG_TEST_TRACE_DIR: dir, ...profiling },
    },
    async (stack) => {
      const { file } = stack;
      const own = [...file.gateways, ...file.sequencers];
      const pids = Object.fromEntries([
        ...own.map(({ name, pid }) => [name, pid] as const),
        ...file.kafka.pids.map((pid, index) => [`kafka-${index + 1}`, pid] as const),
      ]);
      const job = {
        brokers: file.kafka.brokers,
        partitions: file.partitions,
        perSecond: rate,
        warmUpEvents: rate * WARM_UP_SECONDS,
        events: rate * seconds,
        payloadBytes: Number(options.payload),
        urls: file.gateways.map(({ ws }) => ws),
        token: (user: string) => stack.token(user),
        membersPerRoom: Number(options.members),
        traceFile: join(dir, 'load.json'),
      };
      const readCpu = startCpuMeter(pids);
      const startedAt = performance.now();
      const result = await runSpread(job, WARM_UP_SECONDS + seconds);
      const took = (performance.now() - startedAt) / 1000;
      const cpu = readCpu();
      for (const { pid } of own) process.kill(pid, 'SIGUSR2');
      await wait(2_000);
      const traces = readdirSync(dir)
        .filter((name) => name.endsWith('.json'))
        .map((name) => [name, JSON.parse(readFileSync(join(dir, name), 'utf8')) as Trace] as const);
      const stations: Record<string, Record<string, number>> = {};
      for (const [, trace] of traces)
        for (const [name, times] of Object.entries(trace.stations)) {
          stations[name] ??= {};
          const firsts = stations[name];
          for (const [mark, ms] of Object.entries(times)) firsts[mark] = Math.min(ms, firsts[mark] ?? ms);
        }
      const marks = Object.keys(stations['delivered to all'] ?? {});
      const line = (from: string, to: string) => {
        const times = marks
          .map((mark) => (stations[to]?.[mark] ?? Number.NaN) - (stations[from]?.[mark] ?? Number.NaN))
          .filter((ms) => !Number.isNaN(ms));
        const { p50, p90, p99 } = summarise(times);
        const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
        const figures = [mean, p50, p90, p99].map((ms) => ms.toFixed(2).padStart(8)).join('');
        process.stdout.write(`${`${from} → ${to}`.padEnd(60)}${figures}\n`);
      };
      process.stdout.write(`${''.padEnd(60)}    mean     p50     p90     p99  ms\n`);
      line('intended', 'sent');
      for (let index = 1; index < WAY.length; index++) line(WAY[index - 1] as string, WAY[index] as string);
      for (const [from, to] of BESIDE) line(from, to);
      for (const [name, { requests }] of traces) {
        for (const [api, { count, ms }] of Object.entries(requests)) {
          process.stdout.write(`${name} ${api}: ${(count / took).toFixed(0)}/s, ${(ms / count).toFixed(2)} ms each\n`);
        }
      }
      process.stdout.write(`CPU: ${JSON.stringify(cpu)}\ndelivered: ${JSON.stringify(result.delivered)}\n`);
    },
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
}
