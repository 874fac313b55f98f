/** `scripts/test-simulation`: many seeds, or one to be looked at. Exit code 1 where a promise was broken. */
import { replaceGlobals } from './globals.ts';
import { readOptions, type SimulationOptions, USAGE } from './options.ts';
import { runSeeds } from './pool.ts';
import { sabotage } from './sabotage.ts';
import { count, noTotals, type Totals, versionsOf } from './totals.ts';

const PROGRESS_EVERY_MS = 10_000;
/** Of one run; the first ones say most. */
const MAX_ANOMALIES_SHOWN = 10;

const write = (line: string): void => void process.stdout.write(`${line}\n`);

async function runOne(seed: number, options: SimulationOptions): Promise<Totals> {
  if (options.sabotage !== null) sabotage(options.sabotage);
  replaceGlobals();
  // After what changes sources and globals.
  const { runSeed } = await import('./run.ts');
  const versions = versionsOf(seed, options.versions);
  const result = await runSeed(seed, { versions, ...(options.trace ? { onLine: write } : {}) });
  const totals = noTotals();
  count(totals, result, versions);
  if (!options.json) write(`seed ${seed}: trace ${result.hash}, ${result.tasks} tasks in ${result.ms} virtual ms`);
  return totals;
}

async function runMany(options: SimulationOptions): Promise<Totals> {
  let shownAt = performance.now();
  return runSeeds({
    ...options,
    onProgress: ({ runs }) => {
      if (performance.now() - shownAt < PROGRESS_EVERY_MS) return;
      shownAt = performance.now();
      process.stderr.write(`${runs} runs\n`);
    },
  });
}

function report(totals: Totals, seconds: number, options: SimulationOptions): void {
  const { runs, published, acked, delivered, events, dropped, virtualMs, faults, failures } = totals;
  for (const { seed, versions, hash, anomalies } of failures) {
    write(`seed ${seed} FAILED (trace ${hash}):`);
    for (const anomaly of anomalies.slice(0, MAX_ANOMALIES_SHOWN)) write(`  ${anomaly}`);
    if (anomalies.length > MAX_ANOMALIES_SHOWN) write(`  and ${anomalies.length - MAX_ANOMALIES_SHOWN} more`);
    const again = [`--seed ${seed}`, `--versions ${versions}`];
    if (options.sabotage !== null) again.push(`--sabotage ${options.sabotage}`);
    write(`  again, with everything that happens: scripts/test-simulation ${again.join(' ')} --trace`);
  }
  const hours = (virtualMs / 3_600_000).toFixed(1);
  write(`${runs} runs in ${seconds.toFixed(0)} s, ${hours} virtual hours; ${failures.length} failed`);
  write(`${published} publishes, ${acked} acked; ${events} events in the log, ${dropped} records dropped by the fold`);
  write(
    `${delivered} deliveries; faults: ${Object.entries(faults)
      .map((entry) => entry.join(' '))
      .join(', ')}`,
  );
}

let options: SimulationOptions | 'help';
try {
  options = readOptions(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
  process.exit(2);
}
if (options === 'help') write(USAGE);
else {
  const startedAt = performance.now();
  const totals = options.seed === null ? await runMany(options) : await runOne(options.seed, options);
  const seconds = (performance.now() - startedAt) / 1_000;
  if (options.json) write(JSON.stringify({ ...totals, seconds }));
  else report(totals, seconds, options);
  process.exitCode = totals.failures.length > 0 ? 1 : 0;
}
