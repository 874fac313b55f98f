/** Lanes of programs in other languages against a stack of their own. Here: stock clients in Python. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { mintToken } from '../../gateway/auth/mint-token.ts';
import { parseUp } from '../stack/options.ts';
import { freePortBase } from '../stack/port-holder.ts';
import { ROOT } from '../stack/root.ts';
import type { StackFile } from '../stack/stack-file.ts';
import { startStack, stopStack } from '../stack/start.ts';
import { type StatePaths, statePaths } from '../stack/state-dir.ts';
import { command, lastLines } from './command.ts';
import { fail, type Lane, type LaneContext, type LaneResult, sum } from './lane.ts';
import { pythonEnvironment } from './python.ts';

const TOKEN_TTL_MS = 600_000;
const TEST_PYTHON = join(ROOT, 'test', 'python');

export const python: Lane = {
  name: 'python',
  about: 'the fold in Python against its vectors; stock Kafka, Avro and WebSocket clients against a stack',
  run: async (context) => {
    const { aborted } = context;
    const bin = await pythonEnvironment(join(TEST_PYTHON, 'requirements.txt'), aborted);
    const vectors = await runPython(bin, 'vectors.py', [], { aborted });
    if (vectors.failed > 0) return vectors;
    const settings = {
      ROOMLOG_GATEWAY_COMPRESSION: 'true',
      ROOMLOG_REGISTRY_BOUND_EVENTS: 'ordered=stock-orders',
    };
    const onStack = async (_: StackFile, paths: StatePaths): Promise<LaneResult> => {
      const env = { ROOMLOG_TEST_TOKEN: await tokenFor(paths, 'stock', 'stock/**') };
      const clients = await runPython(bin, 'stock_clients.py', [paths.root], { aborted });
      const compressed = await runPython(bin, 'websocket_clients.py', [paths.root], { aborted, env });
      return sum([clients, compressed, await runPython(bin, 'avro_clients.py', [paths.root], { aborted, env })]);
    };
    return sum([vectors, await withStack(context, onStack, settings)]);
  },
};

/** Passes as many as it says `ok`. */
async function runPython(
  bin: string,
  name: string,
  args: readonly string[],
  options: Parameters<typeof command>[1],
): Promise<LaneResult> {
  const script = join(TEST_PYTHON, name);
  if (!existsSync(script)) return fail(`${script} is missing`);
  const { code, output, stdout } = await command([join(bin, 'python'), script, ...args], options);
  const passed = stdout.split('\n').filter((line) => line.startsWith('ok ')).length;
  if (code === 0 && passed > 0) return { passed, failed: 0, skipped: 0, notes: [] };
  return { ...fail(`${name} ended with ${code}`, ...lastLines(output)), passed };
}

async function tokenFor(paths: StatePaths, user: string, pattern: string): Promise<string> {
  const secret = Buffer.from(readFileSync(paths.secretFile, 'utf8').trim());
  const rooms = [{ pattern, allow: ['join' as const, 'publish' as const] }];
  return await mintToken(secret, { user, rooms, ttlMs: TOKEN_TTL_MS, nowMs: Date.now() });
}

/** A stack of one gateway and one sequencer for as long as `run` takes. */
export async function withStack(
  context: LaneContext,
  run: (stack: StackFile, paths: StatePaths) => Promise<LaneResult>,
  settings: Readonly<Record<string, string>> = {},
): Promise<LaneResult> {
  const stateDir = mkdtempSync(join(context.stateRoot, 'stack-'));
  const options = parseUp(['--state-dir', stateDir, '--port-base', String(await freePortBase())]);
  const stack = await startStack(options, { say: () => {}, aborted: context.aborted }, { ...process.env, ...settings });
  try {
    return await run(stack, statePaths(stateDir));
  } finally {
    await stopStack(statePaths(stateDir), () => {});
  }
}
