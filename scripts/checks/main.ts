/**
 * `scripts/test`: every lane, one line each, and last `N passed, N failed`. A lane that can't run is skipped with its reason;
 * where ROOMLOG_NO_SKIP is 1, or CI is true, that is a failure.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { RoomlogError } from '../../core/errors.ts';
import { stopProcess } from '../stack/process-identity.ts';
import { stopStack } from '../stack/start.ts';
import { fail, type Lane, type LaneContext, type LaneResult, sum, type ToolName } from './lane.ts';
import { LANES } from './lanes.ts';
import { abandonedStacks, markedProcesses, RUN_MARK } from './leftovers.ts';
import { prepareTools } from './tools.ts';

const KILL_GRACE_MS = 3_000;
/** Processes that are ending when the last lane returns are no leftovers. */
const SETTLE_MS = 5_000;
/** The quick one first: a short program in use is seldom waited for. */
const TOOL_ORDER: readonly ToolName[] = ['toxiproxy', 'k6', 'helm'];

const USAGE = `scripts/test [LANE…]: runs all lanes, or those that are named.

${LANES.map((lane) => `  ${lane.name.padEnd(12)} ${lane.about}`).join('\n')}

  --yes          install missing packages without asking
  --help         this text

What is missing is installed or built first (docs/local-stack.md). With CI=true or ROOMLOG_NO_SKIP=1 a skip is a failure.`;

async function main(): Promise<number> {
  const words = process.argv.slice(2).filter((word) => word !== '--yes');
  if (words.includes('--help') || words.includes('-h')) {
    console.log(USAGE);
    return 0;
  }
  const unknown = words.filter((word) => !LANES.some((lane) => lane.name === word));
  if (unknown.length > 0) throw new RoomlogError('config_invalid', `No such lane: ${unknown.join(', ')}.\n\n${USAGE}`);
  const lanes = LANES.filter((lane) => words.length === 0 || words.includes(lane.name));

  const aborting = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => aborting.abort());
  const mark = `${process.pid}-${Date.now()}`;
  process.env[RUN_MARK] = mark;
  const workDir = mkdtempSync(join(tmpdir(), 'roomlog-run-'));
  const context = openContext(lanes, workDir, aborting.signal);

  console.log(`${availableParallelism()} cores, Node ${process.version}`);
  const results = await runLanes(lanes, context, aborting.signal);
  aborting.abort(); // a tool may still be building for a lane that failed early
  results.push(await cleanUp(context.stateRoot, mark));
  const total = sum(results);
  if (total.failed === 0) rmSync(workDir, { recursive: true, force: true });
  else console.log(`Reports, logs and states: ${workDir}`);
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
  return total.failed === 0 && results.length === lanes.length + 1 ? 0 : 1;
}

function openContext(lanes: readonly Lane[], workDir: string, aborted: AbortSignal): LaneContext {
  const stateRoot = join(workDir, 'states');
  mkdirSync(stateRoot);
  const wanted = TOOL_ORDER.filter((name) => lanes.some((lane) => lane.tools?.includes(name)));
  const tools = prepareTools(wanted, aborted);
  return {
    workDir,
    stateRoot,
    aborted,
    tool: (name) => tools.get(name) ?? Promise.resolve({ missing: `${name} was not asked for` }),
  };
}

/** One after another, but for those that run beside the others. */
async function runLanes(lanes: readonly Lane[], context: LaneContext, aborted: AbortSignal): Promise<LaneResult[]> {
  const started = new Map<string, Promise<LaneResult>>();
  for (const lane of lanes) {
    if (aborted.aborted) break;
    await Promise.all((lane.after ?? []).map((name) => started.get(name)));
    const result = runLane(lane, context);
    started.set(lane.name, result);
    if (lane.beside !== true) await result;
  }
  return await Promise.all(started.values());
}

async function runLane(lane: Lane, context: LaneContext): Promise<LaneResult> {
  const began = performance.now();
  let result: LaneResult;
  try {
    result = await lane.run(context);
  } catch (error) {
    result = fail(error instanceof RoomlogError ? error.message : String(error instanceof Error ? error.stack : error));
  }
  const mayNotSkip = process.env.CI === 'true' || process.env.ROOMLOG_NO_SKIP === '1';
  if (mayNotSkip) result = { ...result, failed: result.failed + result.skipped, skipped: 0 };
  report(lane.name, result, (performance.now() - began) / 1000);
  if (result.notes.length > 0) writeFileSync(join(context.workDir, `${lane.name}.txt`), `${result.notes.join('\n')}\n`);
  return result;
}

function report(name: string, result: LaneResult, seconds: number): void {
  const verdict = result.failed > 0 ? 'FAIL' : result.passed > 0 ? 'ok' : 'skip';
  const counts = `${result.passed} passed, ${result.failed} failed${result.skipped > 0 ? `, ${result.skipped} skipped` : ''}`;
  console.log(`${verdict.padEnd(5)} ${name.padEnd(12)} ${counts.padEnd(34)} ${seconds.toFixed(1)} s`);
  for (const note of result.notes) console.log(`      ${note.replaceAll('\n', '\n      ')}`);
}

/** Fails when the run left processes, and ends them: they are this run's own. */
async function cleanUp(stateRoot: string, mark: string): Promise<LaneResult> {
  const stacks = abandonedStacks(stateRoot);
  for (const paths of stacks) await stopStack(paths, () => {});
  const deadline = Date.now() + SETTLE_MS;
  let left = markedProcesses(mark);
  while (left.length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    left = markedProcesses(mark);
  }
  for (const one of left) await stopProcess(one, KILL_GRACE_MS);
  const notes = [
    ...stacks.map((paths) => `a stack was still running in ${paths.root}`),
    ...left.map(({ pid, command }) => `left behind: process ${pid}: ${command.slice(0, 200)}`),
  ];
  const result: LaneResult = { passed: notes.length === 0 ? 1 : 0, failed: notes.length, skipped: 0, notes };
  report('leftovers', result, 0);
  return result;
}

try {
  process.exitCode = await main();
} catch (error) {
  const told = error instanceof RoomlogError;
  console.error(told ? error.message : error);
  process.exitCode = told && error.code === 'config_invalid' ? 2 : 1;
}
