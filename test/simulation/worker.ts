/** A worker process: is given portions of seeds by its parent (`pool.ts`), and hands back what they came to. */
import { replaceGlobals } from './globals.ts';
import type { Portion } from './pool.ts';
import { sabotage } from './sabotage.ts';
import { count, noTotals, versionsOf } from './totals.ts';

const [name] = process.argv.slice(2);
if (name !== undefined) sabotage(name);
replaceGlobals();
// Nobody reads them here, and a run makes thousands. Run alone, a seed has them.
Error.stackTraceLimit = 0;
// After what changes sources and globals.
const { runSeed } = await import('./run.ts');

process.on('message', async ({ from, seeds, versions }: Portion) => {
  const totals = noTotals();
  for (let seed = from; seed < from + seeds; seed++) {
    const wished = versionsOf(seed, versions);
    count(totals, await runSeed(seed, { versions: wished }), wished);
    if (totals.failures.length > 0) break;
  }
  process.send?.(totals);
});
process.send?.('ready');
