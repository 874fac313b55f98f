// Exits 0 when node_modules is what package-lock.json says, and the pinned Node runs; else 1 with the reason on stdout.
// Runs on any Node, before the project's own is there. npm writes node_modules/.package-lock.json last, and bootstrap.sh
// removes it before `npm ci`, so an install that was killed in the middle never looks finished.
'use strict';
const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..', '..');
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'));

function reason() {
  let installed;
  try {
    installed = read('node_modules/.package-lock.json').packages;
  } catch {
    return 'node_modules is missing or unfinished';
  }
  for (const [path, wanted] of Object.entries(read('package-lock.json').packages)) {
    if (!path.startsWith('node_modules/') || wanted.link) continue;
    const found = installed[path];
    if (found ? found.version !== wanted.version : !wanted.optional && !wanted.peer) {
      return `${path} should be ${wanted.version}, is ${found ? found.version : 'missing'}`;
    }
  }
  const pinned = `v${read('package.json').devDependencies.node}`;
  try {
    const version = execFileSync(join(root, 'node_modules', '.bin', 'node'), ['--version'], { encoding: 'utf8' }).trim();
    return version === pinned ? null : `node_modules holds Node ${version}, pinned is ${pinned}`;
  } catch {
    return `node_modules holds no Node that runs here`;
  }
}

const why = reason();
if (why !== null) console.log(why);
process.exitCode = why === null ? 0 : 1;
