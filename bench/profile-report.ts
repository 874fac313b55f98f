/**
 * Turns a profile of `node --cpu-prof` into a table by module: `scripts/bench profile-report FILE.cpuprofile [--at-least 1] [--by module|part] [--from=-9] [--to=-3]`, the
 * least share that has a line of its own in percent; from and up to a second of the profile, a negative one before its end. Benches write profiles with `--profile
 * DIR`. Prints Markdown.
 */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../scripts/stack/root.ts';
import { type CpuProfile, profileTable, spentByModule } from './report/profile.ts';
import { benchOptions } from './support/options.ts';

const { values: options, positionals } = benchOptions({
  options: {
    'at-least': { type: 'string', default: '1' },
    by: { type: 'string', default: 'module' },
    from: { type: 'string' },
    to: { type: 'string' },
  },
  allowPositionals: true,
});
// They may be negative.
const between = { from: Number(options.from ?? 0), to: Number(options.to ?? Number.POSITIVE_INFINITY) };
if (positionals.length === 0 || Number.isNaN(between.from) || Number.isNaN(between.to)) {
  process.stderr.write(
    'usage: scripts/bench profile-report FILE.cpuprofile… [--at-least PERCENT] [--by module|part] [--from=SECONDS] [--to=SECONDS]\n',
  );
  process.exit(2);
}
for (const file of positionals) {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const by = options.by === 'part' ? 'part' : 'module';
  const report = spentByModule(profile, `${pathToFileURL(ROOT).href}/`, by, between);
  const { workedMs, idleMs } = report;
  process.stdout.write(
    `${Math.round(workedMs)} ms of work, ${Math.round(idleMs)} ms idle.\n\n${profileTable(report, Number(options['at-least']) / 100)}\n`,
  );
}
