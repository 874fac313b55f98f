/** Lanes of programs in other languages against a stack of their own. Here: stock Kafka clients in Python. */
import { existsSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { parseUp } from '../stack/options.ts';
import { freePortBase } from '../stack/port-holder.ts';
import { ROOT } from '../stack/root.ts';
import type { StackFile } from '../stack/stack-file.ts';
import { startStack, stopStack } from '../stack/start.ts';
import { type StatePaths, statePaths } from '../stack/state-dir.ts';
import { command, lastLines } from './command.ts';
import { fail, type Lane, type LaneContext, type LaneResult, sum } from './lane.ts';
import { pythonEnvironment } from './python.ts';

const TEST_PYTHON = join(ROOT, 'test', 'python');

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

/** A stack of one gateway and one sequencer for as long as `run` takes. */
export async function withStack(
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
