/** Runs a load script with the k6 that ROOMLOG_TEST_K6 names, and tells which thresholds it did not keep. */
import { join } from 'node:path';
import { ROOT, run } from '../support/command.ts';
import { type Script, ScriptedGateway } from './scripted-gateway.ts';

export interface K6Result {
  readonly code: number | null;
  readonly output: string;
  /** Metrics whose thresholds were crossed, sorted. */
  readonly crossed: readonly string[];
}

const WITHIN_MS = 90_000;
/** Small and quick, and patient with a slow machine. */
const LOAD = {
  LOAD_VUS: '2',
  LOAD_RAMP: '0ms',
  LOAD_DRAIN: '30s',
  LOAD_P95_MS: '20000',
  LOAD_P99_MS: '30000',
};

export async function runK6(name: string, env: Readonly<Record<string, string>>): Promise<K6Result> {
  const program = process.env.ROOMLOG_TEST_K6;
  if (program === undefined) throw new Error('Set ROOMLOG_TEST_K6 to the k6 program; scripts/test k6 does.');
  const { code, stdout, stderr } = await run(program, ['run', '--quiet', join(ROOT, 'k6', `${name}.ts`)], {
    env: { K6_NO_USAGE_REPORT: 'true', K6_NO_COLOR: 'true', ...env },
    withinMs: WITHIN_MS,
  });
  const crossed = /thresholds on metrics '([^']*)' have been crossed/.exec(stderr)?.[1] ?? '';
  return { code, output: stdout + stderr, crossed: crossed.split(', ').filter(Boolean).sort() };
}

/** Three clients of one room, each of which publishes ten events and their end, unless `load` says otherwise. */
export async function runAgainst(
  script: Script,
  name = 'smoke',
  load: Readonly<Record<string, string>> = { LOAD_CLIENTS: '3', LOAD_EVENTS: '10' },
): Promise<K6Result> {
  const gateway = await ScriptedGateway.start(script);
  try {
    const env = name === 'connections' ? { LOAD_VUS: '2', LOAD_RAMP: '0ms', LOAD_DRAIN: '30s' } : LOAD;
    return await runK6(name, { ...env, ...load, ROOMLOG_URL: gateway.url, ROOMLOG_AUTH_SECRET: 's'.repeat(32) });
  } finally {
    await gateway.stop();
  }
}
