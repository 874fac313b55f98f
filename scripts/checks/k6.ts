/**
 * The load scripts of `k6/`: against a stack, in a form of seconds; and against a gateway that breaks promises on purpose, where their
 * thresholds have to fail.
 */
import { join } from 'node:path';
import { wayIn } from '../load/target.ts';
import { ROOT } from '../stack/root.ts';
import { check } from './command.ts';
import { type Lane, type LaneContext, type LaneResult, skip, sum } from './lane.ts';
import { withStack } from './on-stack.ts';
import { vitestLane } from './vitest.ts';

/** Slow machines that also do other things: what these runs are to show is that nothing is lost, doubled or disordered. */
const EASY = { LOAD_DRAIN: '30s', LOAD_P95_MS: '10000', LOAD_P99_MS: '20000' };
const SHORT = { ...EASY, LOAD_RAMP: '1s', LOAD_DURATION: '5s' };
type Run = readonly [script: string, env: Readonly<Record<string, string>>];

/** Two rows, run side by side. */
const RUNS: readonly (readonly Run[])[] = [
  [
    ['smoke', EASY],
    ['fanout', { ...SHORT, LOAD_CLIENTS: '50', LOAD_ROOMS: '2' }],
    ['mixed', { ...SHORT, LOAD_CLIENTS: '30', LOAD_ROOMS: '10', LOAD_RATE: '20' }],
    [
      'soak',
      {
        ...SHORT,
        LOAD_CLIENTS: '20',
        LOAD_ROOMS: '8',
        LOAD_RECONNECT_EVERY: '2s',
        LOAD_AWAY: '300ms',
        LOAD_RECOVERY_P95_MS: '20000',
      },
    ],
  ],
  [
    [
      'connections',
      { LOAD_CLIENTS: '100', LOAD_ROOMS: '10', LOAD_RAMP: '2s', LOAD_DURATION: '3s', LOAD_CONNECT_P95_MS: '20000' },
    ],
    ['publish', { ...SHORT, LOAD_CLIENTS: '20', LOAD_ROOMS: '5', LOAD_RATE: '100', LOAD_BATCH: '1' }],
    [
      'reconnect-storm',
      {
        ...SHORT,
        LOAD_CLIENTS: '50',
        LOAD_ROOMS: '5',
        LOAD_RATE: '20',
        LOAD_AWAY: '1s',
        LOAD_RECOVERY_P95_MS: '20000',
      },
    ],
  ],
];

export const k6: Lane = {
  name: 'k6',
  about: 'the load scripts, short, on a stack; and that their thresholds fail where a promise is broken',
  tools: ['k6'],
  run: async (context) => {
    const tool = await context.tool('k6');
    if ('missing' in tool) return skip(tool.missing);
    const faults = vitestLane('k6', '', async () => ({ ROOMLOG_TEST_K6: tool.program })).run(context);
    return sum(await Promise.all([onStack(context, tool.program), faults]));
  },
};

async function onStack(context: LaneContext, program: string): Promise<LaneResult> {
  return await withStack(context, async (stack, paths) => {
    const target = wayIn(stack, paths);
    const rows = RUNS.map(async (row) => {
      const results: LaneResult[] = [];
      for (const [script, load] of row) {
        // No `-e`: a command line is readable by everybody on the machine.
        const env = { ...target, ROOMLOG_TOKEN: '', ...load, K6_NO_USAGE_REPORT: 'true' };
        const argv = [program, 'run', '--quiet', '--include-system-env-vars', join(ROOT, 'k6', `${script}.ts`)];
        results.push(await check(argv, { aborted: context.aborted, env }));
      }
      return sum(results);
    });
    return sum(await Promise.all(rows));
  });
}
