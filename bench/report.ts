/**
 * Writes docs/benchmarks.md and its pictures (docs/images/bench/) from all results: `scripts/bench report`. Pictures that no result has any
 * more are deleted.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../scripts/stack/root.ts';
import { reportOf } from './report/page.ts';
import { benchOptions } from './support/options.ts';
import { readResults } from './support/result.ts';

benchOptions({ options: {} });
const images = join(ROOT, 'docs/images/bench');
const { page, pictures } = reportOf(readResults());
mkdirSync(images, { recursive: true });
for (const { file, svg } of pictures) writeFileSync(join(images, file), svg);
for (const file of readdirSync(images)) {
  if (!pictures.some((picture) => picture.file === file)) rmSync(join(images, file));
}
writeFileSync(join(ROOT, 'docs/benchmarks.md'), page);
process.stderr.write(`docs/benchmarks.md and ${pictures.length} pictures written\n`);
