/**
 * The demo page's files (`console/demo`, `client`) as a browser gets them: in a checkout TypeScript with its types taken out, in
 * the package as compiled.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface Asset {
  readonly type: string;
  readonly body: string;
}

const ROOT = new URL('../../', import.meta.url);
const EXTENSION = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

const JAVASCRIPT = 'text/javascript; charset=utf-8';

/** By path below `/demo/assets/`; `index.html` is the page itself. Read once. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>([
    ['index.html', { type: 'text/html; charset=utf-8', body: readText('console/demo/index.html') }],
    ['style.css', { type: 'text/css; charset=utf-8', body: readText('console/demo/style.css') }],
    ['app.js', { type: JAVASCRIPT, body: script(`console/demo/app${EXTENSION}`) }],
  ]);
  const client = new URL('client/', ROOT);
  for (const name of readdirSync(client)) {
    if (!name.endsWith(EXTENSION) || name.endsWith('.test.ts')) continue;
    const asset = { type: JAVASCRIPT, body: script(`client/${name}`) };
    assets.set(`client/${name.slice(0, -EXTENSION.length)}.js`, asset);
  }
  return assets;
}

const readText = (path: string): string => readFileSync(fileURLToPath(new URL(path, ROOT)), 'utf8');

/** A module's JavaScript, its imports pointing to where the assets are served. */
function script(path: string): string {
  const source = readText(path);
  const code = EXTENSION === '.ts' ? stripTypeScriptTypes(source) : source;
  return code
    .replace(/(from ')(?:\.\.\/)+client\//g, '$1./client/')
    .replace(/(from '\.[^']*)\.ts'/g, "$1.js'")
    .replace(/(from ")(?:\.\.\/)+client\//g, '$1./client/')
    .replace(/^\/\/# sourceMappingURL=.*$/gm, '');
}
