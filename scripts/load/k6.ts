/** `scripts/k6`: gets k6, runs one script of `k6/` against a stack, and writes its report as HTML and JSON. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describeMachine } from '../../bench/support/machine.ts';
import { RoomlogError } from '../../core/errors.ts';
import { prepareTools } from '../checks/tools.ts';
import { ROOT } from '../stack/root.ts';
import { type GeneratorCost, watchGenerator } from './generator.ts';
import { openTarget } from './target.ts';

const SCRIPTS = join(ROOT, 'k6');
const REPORTS = process.env.ROOMLOG_TEST_REPORTS ?? join(SCRIPTS, 'reports');
/** k6's code for crossed thresholds. */
const THRESHOLDS_CROSSED = 99;
/** Between two points of the report's curves: it is not made of fewer than a few, and a smoke run ends after two seconds. */
const SMOKE_PERIOD = '200ms';
const NAMES = readdirSync(SCRIPTS)
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.slice(0, -'.ts'.length))
  .sort();

const USAGE = `scripts/k6 NAME [k6 options]: runs a load script. NAME is one of: ${NAMES.join(', ')}

Against ROOMLOG_URL if that is set, else against the stack that runs in ROOMLOG_STATE_DIR (default .roomlog), else against one
that is started for this run. Reports go to k6/reports/NAME.html and NAME.json. k6 itself is taken from PATH in its pinned
version, or built once with Go and kept in the cache.

The load is set by the environment: LOAD_CLIENTS=500 LOAD_DURATION=2m scripts/k6 fanout. k6/README.md has all variables.
Ends with 0 when all thresholds held, ${THRESHOLDS_CROSSED} when one did not.`;

async function main(): Promise<number> {
  const [name = '', ...k6Options] = process.argv.slice(2);
  if (name === '--help' || name === '-h') {
    console.log(USAGE);
    return 0;
  }
  if (!NAMES.includes(name)) throw new RoomlogError('config_invalid', USAGE);
  const stopping = new AbortController();
  // k6 ends by itself: in a terminal it gets the same signal.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stopping.abort());
  const tool = await prepareTools(['k6'], stopping.signal).get('k6');
  if (tool === undefined || 'missing' in tool) {
    throw new RoomlogError('stack_failed', `${tool?.missing ?? 'k6 is missing'}. Install k6, or Go to build it.`);
  }
  const target = await openTarget(stopping.signal, console.log);
  let code = 1;
  try {
    console.log(`k6/${name}.ts against ${target.about}`);
    code = await runK6(tool.program, name, k6Options, target.env, stopping.signal);
  } finally {
    const kept = await target.close(code !== 0 && !stopping.signal.aborted);
    if (kept !== null) console.log(`Logs and data of the stack: ${kept}`);
  }
  return code;
}

async function runK6(
  program: string,
  name: string,
  k6Options: readonly string[],
  target: Readonly<Record<string, string>>,
  stopping: AbortSignal,
): Promise<number> {
  mkdirSync(REPORTS, { recursive: true });
  const [html, json] = [join(REPORTS, `${name}.html`), join(REPORTS, `${name}.json`)];
  for (const file of [html, json]) rmSync(file, { force: true });
  const env = {
    K6_NO_USAGE_REPORT: 'true',
    K6_WEB_DASHBOARD: 'true',
    // No server: the report is enough, and k6 would wait for browsers to leave.
    K6_WEB_DASHBOARD_PORT: '-1',
    K6_WEB_DASHBOARD_EXPORT: html,
    ...(name === 'soak' ? {} : { K6_WEB_DASHBOARD_PERIOD: name === 'smoke' ? SMOKE_PERIOD : '1s' }),
    XK6_DASHBOARD_CONFIG: join(SCRIPTS, 'dashboard.json'),
    ...process.env,
    ...target,
  };
  const args = ['run', '--summary-export', json, ...k6Options, join(SCRIPTS, `${name}.ts`)];
  const child = spawn(program, args, { stdio: 'inherit', env });
  // It asks /proc.
  const cost = process.platform === 'linux' ? watchGenerator(child.pid ?? 0) : () => null;
  stopping.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (ended) => resolve(ended ?? 1));
  });
  const generator = cost();
  if (existsSync(json)) addFacts(json, name, generator);
  for (const file of [html, json]) if (existsSync(file)) console.log(`Report: ${relative(process.cwd(), file)}`);
  return code;
}

/** A figure is worth little without what it was measured on, and with what. */
function addFacts(file: string, script: string, generator: GeneratorCost | null): void {
  const settings = Object.entries(process.env).filter(([name]) => name.startsWith('LOAD_'));
  const { metrics } = JSON.parse(readFileSync(file, 'utf8')) as { metrics: unknown };
  const facts = { script, settings: Object.fromEntries(settings), machine: describeMachine(), generator };
  writeFileSync(file, `${JSON.stringify({ ...facts, metrics }, null, 2)}\n`);
}

try {
  process.exitCode = await main();
} catch (error) {
  const told = error instanceof RoomlogError;
  console.error(told ? error.message : error);
  process.exitCode = told && error.code === 'config_invalid' ? 2 : 1;
}
