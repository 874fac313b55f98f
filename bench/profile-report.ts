/**
 * Turns a profile of `node --cpu-prof` into a table by module: `scripts/bench profile-report FILE.cpuprofile [--at-least 1] [--by module|part] [--from=0] [--to=-1]`, the
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
    from: { type: 'string', default: '0' },
    to: { type: 'string', default: 'Infinity' },
  },
  allowPositionals: true,
});
if (positionals.length === 0) {
  process.stderr.write(
    'usage: scripts/bench profile-report FILE.cpuprofile… [--at-least PERCENT] [--by module|part] [--from=SECONDS] [--to=SECONDS]\n',
  );
  process.exit(2);
}
for (const file of positionals) {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile;
  const between = { from: Number(options.from), to: Number(options.to) };
  const by = options.by === 'part' ? 'part' : 'module';
  const report = spentByModule(profile, `${pathToFileURL(ROOT).href}/`, by, between);
  const { workedMs, idleMs } = report;
  process.stdout.write(
    `${Math.round(workedMs)} ms of work, ${Math.round(idleMs)} ms idle.\n\n${profileTable(report, Number(options['at-least']) / 100)}\n`,
  );
}
