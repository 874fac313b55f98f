/** Lanes of programs in other languages against a stack of their own: k6, stock Kafka clients in Python. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintToken } from '../../gateway/auth/mint-token.ts';
import { parseUp } from '../stack/options.ts';
import { freePortBase } from '../stack/port-holder.ts';
import { ROOT } from '../stack/root.ts';
import type { StackFile } from '../stack/stack-file.ts';
import { startStack, stopStack } from '../stack/start.ts';
import { type StatePaths, statePaths } from '../stack/state-dir.ts';
import { check, command, lastLines } from './command.ts';
import { fail, type Lane, type LaneContext, type LaneResult, skip, sum } from './lane.ts';
import { pythonEnvironment } from './python.ts';

const TOKEN_TTL_MS = 600_000;
const TEST_PYTHON = join(ROOT, 'test', 'python');

export const k6: Lane = {
  name: 'k6',
  about: 'k6/smoke.ts: connect, join, publish, receive, with thresholds',
  tools: ['k6'],
  run: async (context) => {
    const tool = await context.tool('k6');
    if ('missing' in tool) return skip(tool.missing);
    return await withStack(context, async (stack, paths) => {
      const secret = Buffer.from(readFileSync(paths.secretFile, 'utf8').trim());
      const rooms = [{ pattern: 'k6/**', allow: ['join' as const, 'publish' as const] }];
      const token = await mintToken(secret, { user: 'k6', rooms, ttlMs: TOKEN_TTL_MS, nowMs: Date.now() });
      const env = { ROOMLOG_URL: stack.gateways[0]?.ws ?? '', ROOMLOG_TOKEN: token, K6_NO_USAGE_REPORT: 'true' };
      // No `-e`: a command line is readable by everybody on the machine.
      return await check([tool.program, 'run', '--quiet', '--include-system-env-vars', join(ROOT, 'k6', 'smoke.ts')], {
        aborted: context.aborted,
        env,
      });
    });
  },
};

export const python: Lane = {
  name: 'python',
  about: 'the fold in Python against its vectors; stock Kafka and Avro clients read and write the topics',
  run: async (context) => {
    const bin = await pythonEnvironment(join(TEST_PYTHON, 'requirements.txt'), context.aborted);
    const vectors = await runPython(bin, 'vectors.py', [], context.aborted);
    if (vectors.failed > 0) return vectors;
    const clients = await withStack(context, (_, paths) =>
      runPython(bin, 'stock_clients.py', [paths.root], context.aborted),
    );
    return sum([vectors, clients]);
  },
};

/** Passes as many as it says `ok`. */
async function runPython(
  bin: string,
  name: string,
  args: readonly string[],
  aborted: AbortSignal,
): Promise<LaneResult> {
  const script = join(TEST_PYTHON, name);
  if (!existsSync(script)) return fail(`${script} is missing`);
  const { code, output, stdout } = await command([join(bin, 'python'), script, ...args], { aborted });
  const passed = stdout.split('\n').filter((line) => line.startsWith('ok ')).length;
  if (code === 0 && passed > 0) return { passed, failed: 0, skipped: 0, notes: [] };
  return { ...fail(`${name} ended with ${code}`, ...lastLines(output)), passed };
}

async function withStack(
  context: LaneContext,
  run: (stack: StackFile, paths: StatePaths) => Promise<LaneResult>,
): Promise<LaneResult> {
  const stateDir = mkdtempSync(join(context.stateRoot, 'stack-'));
  const options = parseUp(['--state-dir', stateDir, '--port-base', String(await freePortBase())]);
  const stack = await startStack(options, { say: () => {}, aborted: context.aborted });
  try {
    return await run(stack, statePaths(stateDir));
  } finally {
    await stopStack(statePaths(stateDir), () => {});
  }
}
