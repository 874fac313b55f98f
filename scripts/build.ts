/** `npm run build`: compiles what the package holds into `dist/`, and puts beside it the files that are read at run time. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');
/** Read by path while running, so not known to the compiler. */
const ASSETS: readonly (readonly [folder: string, extension: RegExp])[] = [
  ['schemas', /\.avsc$/],
  ['console/demo', /\.(html|css)$/],
];

rmSync(DIST, { recursive: true, force: true });
execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: ROOT,
  stdio: 'inherit',
});
for (const [folder, extension] of ASSETS) {
  for (const name of readdirSync(join(ROOT, folder))) {
    if (extension.test(name)) cpSync(join(ROOT, folder, name), join(DIST, folder, name));
  }
}
const bin = join(DIST, 'cli/main.js');
if (!existsSync(bin)) throw new Error(`${bin} was not built`);
chmodSync(bin, 0o755);
