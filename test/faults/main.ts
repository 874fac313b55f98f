/**
 * `scripts/test-faults`: one cluster, the cases one after the other, each on topics and processes of its own; last
 * `N passed, N failed`. Exit code 0 where all passed, 1 where one did not, 2 where it was called wrongly.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { RoomlogError } from '../../core/errors.ts';
import { prepareTools } from '../../scripts/checks/tools.ts';
import type { KafkaClient } from './case.ts';
import { CASES } from './cases.ts';
import { Cluster } from './cluster.ts';
import { type FaultsOptions, parseOptions, USAGE } from './options.ts';
import { failures, writeReport } from './report.ts';
import { type CaseResult, runCase } from './run-case.ts';
import { SABOTAGES, sabotaged } from './sabotages.ts';

const aborting = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => aborting.abort(new RoomlogError('stack_failed', 'Stopped before all cases were run.')));
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const toxiproxy = await prepareTools(['toxiproxy'], aborting.signal).get('toxiproxy');
  if (toxiproxy === undefined || 'missing' in toxiproxy) {
    throw new RoomlogError('stack_failed', `Fault runs need toxiproxy: ${toxiproxy?.missing ?? 'it was not found'}.`);
  }
  const root = process.env.ROOMLOG_TEST_STATE_ROOT ?? tmpdir();
  const dir = options.dir === null ? mkdtempSync(join(root, 'roomlog-faults-')) : resolve(options.dir);
  mkdirSync(dir, { recursive: true });
  console.log(
    `${options.client}, seed ${options.seed}, ${options.load.clients} clients, ${options.load.publishesPerSecond} publishes/s`,
  );
  const results = await runAll(options, dir, toxiproxy.program);
  const failed = results.filter(({ verdict }) => verdict === 'failed').length;
  if (options.report !== null) {
    for (const path of writeReport(resolve(options.report), options.load, results)) console.log(path);
  }
  if (failed > 0 || options.dir !== null) console.log(`Histories, logs and states: ${dir}`);
  else rmSync(dir, { recursive: true, force: true });
  console.log(`${results.length - failed} passed, ${failed} failed`);
  return failed === 0 && results.length > 0 ? 0 : 1;
}

async function runAll(options: FaultsOptions, dir: string, toxiproxy: string): Promise<CaseResult[]> {
  const say = (line: string): void => console.log(`  ${line}`);
  const cluster = await Cluster.start({ dir: join(dir, 'cluster'), toxiproxy, aborted: aborting.signal, say });
  const results: CaseResult[] = [];
  try {
    const { seconds, seed, load, client } = options;
    const chosen = SABOTAGES.filter(({ name }) => options.sabotages.includes(name));
    const plain = options.sabotages.length > 0 ? [] : options.cases;
    for (const number of plain) {
      const fault = CASES.find((one) => one.number === number);
      if (fault === undefined || aborting.signal.aborted) continue;
      console.log(`case ${number}: ${fault.name}`);
      const result = await runCase(cluster, fault, {
        ...{ id: caseId(number, client), sabotage: null, dir: join(dir, `case-${number}`) },
        ...{ seconds, seed, load, client, say },
      });
      results.push(result);
      tell(result);
    }
    for (const sabotage of chosen) {
      if (aborting.signal.aborted) continue;
      const { name, about, scenario, expected } = sabotage;
      console.log(`sabotage ${name}: without ${about}`);
      const same = { seconds, seed, load, client, say, sabotage: name };
      const taken = await runCase(cluster, sabotaged(sabotage), {
        ...same,
        ...{ id: `sabotage-${name}`, dir: join(dir, `sabotage-${name}`) },
      });
      const caught = expected.filter((anomaly) => (taken.anomalies[anomaly] ?? 0) > 0);
      const verdict = caught.length > 0 ? 'passed' : 'failed';
      const note = caught.length > 0 ? `caught as ${caught.join(', ')}` : `not caught as ${expected.join(' or ')}`;
      results.push({ ...taken, name: `without ${about}`, verdict, notes: [...taken.notes, note] });
      tell(results.at(-1) as CaseResult);
      const control = await runCase(cluster, scenario, {
        ...same,
        ...{ id: `sabotage-${name}-control`, dir: join(dir, `control-${name}`) },
      });
      results.push({ ...control, name: `with it: ${control.name}` });
      tell(results.at(-1) as CaseResult);
    }
  } finally {
    await cluster.stop();
  }
  return results;
}

/** A run on another client does not replace the usual one in the report. */
function caseId(number: number, client: KafkaClient): string {
  return client === 'kafkajs' ? `case-${number}` : `case-${number}-${client}`;
}

function tell(result: CaseResult): void {
  const { id, verdict, name, published, acked, unknown, delivered, anomalies } = result;
  const found = Object.entries(anomalies).map(([anomaly, count]) => `${count} ${anomaly}`);
  console.log(
    `${verdict === 'passed' ? 'ok  ' : 'FAIL'} ${id} ${name}: ${published} published, ${acked} acked, ${unknown} unknown, ${delivered} delivered; ${found.join(', ') || 'no anomaly'}`,
  );
  for (const note of result.notes) console.log(`     ${note}`);
  for (const line of failures(result)) console.log(`     ${line}`);
}

try {
  process.exitCode = await main();
} catch (error) {
  const told = error instanceof RoomlogError;
  console.error(told ? error.message : error);
  process.exitCode = told && error.code === 'config_invalid' ? 2 : 1;
}
