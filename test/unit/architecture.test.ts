/** The direction of the arrows, read from the sources: `cli → gateway, consumers → adapters → schemas → core`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');

/** What each part of the house may import of ours, besides itself. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  core: [],
  schemas: ['core'],
  adapters: ['core', 'schemas'],
  gateway: ['core', 'schemas', 'adapters'],
  consumers: ['core', 'schemas', 'adapters'],
  client: [],
  console: ['client'],
  cli: ['core', 'schemas', 'adapters', 'gateway', 'consumers', 'client'],
};
const PARTS = Object.keys(MAY_IMPORT);
/** Pure functions of Node that core may use. */
const CORE_BUILTINS = ['node:crypto', 'node:buffer'];
/** Parsers and validators: text in, values out. */
const CORE_PACKAGES = ['zod', 'yaml'];
/** Code only, without the tests beside it: tests may use vitest and whatever shows the thing. */
const isSource = (path: string) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.endsWith('.d.ts');

interface Import {
  readonly from: string;
  readonly specifier: string;
  /** Path of ours, relative to the root; null for a package or a builtin. */
  readonly target: string | null;
}

function sourcesOf(part: string): string[] {
  const folder = join(ROOT, part);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => isSource(path) && !path.split(sep).some((name) => name === 'node_modules' || name === 'dist'))
    .map((path) => join(part, path));
}

const SPECIFIER =
  /^\s*(?:import|export)\s+(?:type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(SPECIFIER)].map((match) => {
    const specifier = match[1] ?? match[2] ?? '';
    const target = specifier.startsWith('.') ? relative(ROOT, resolve(ROOT, dirname(file), specifier)) : null;
    return { from: file, specifier, target };
  });
}

const partOf = (path: string): string => path.split(sep)[0] ?? '';
const sources = PARTS.flatMap(sourcesOf);
const imports = sources.flatMap(importsOf);
const describeImport = (found: Import) => `${found.from} imports ${found.specifier}`;

/** The circles that a walk over all files meets, each as the way around. Types count: they tie files together as well. */
function circlesIn(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (file: string): void => {
    if (way.includes(file)) circles.push([...way.slice(way.indexOf(file)), file].join(' → '));
    if (way.includes(file) || done.has(file)) return;
    way.push(file);
    for (const next of edges.get(file) ?? []) visit(next);
    way.pop();
    done.add(file);
  };
  for (const file of edges.keys()) visit(file);
  return circles;
}

describe('architecture', () => {
  it('reads the imports that it judges', () => {
    expect(imports.length).toBeGreaterThan(20);
    expect(importsOf('core/log/fold.ts').map((found) => found.target)).toContain(join('core', 'log', 'chain.ts'));
  });

  it('imports only downwards: cli → gateway, consumers → adapters → schemas → core', () => {
    const wrong = imports.filter(({ from, target }) => {
      if (target === null) return false;
      const [own, other] = [partOf(from), partOf(target)];
      return own !== other && !(MAY_IMPORT[own] ?? []).includes(other);
    });
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('keeps IO out of core', () => {
    const wrong = imports.filter(({ from, specifier, target }) => {
      if (partOf(from) !== 'core' || target !== null) return false;
      const isBuiltin = specifier.startsWith('node:') || builtinModules.includes(specifier);
      return isBuiltin ? !CORE_BUILTINS.includes(specifier) : !CORE_PACKAGES.includes(specifier);
    });
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it('keeps the wall clock and chance out of core, but for the clock port', () => {
    const wrong = sourcesOf('core')
      .filter((file) => file !== join('core', 'ports', 'clock.ts'))
      .filter((file) => /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(/.test(sourceText(file)))
      .map((file) => `${file} asks for time or chance`);
    expect(wrong).toEqual([]);
  });

  it('has no circles', () => {
    const edges = new Map<string, string[]>();
    for (const { from, target } of imports) {
      if (target !== null) edges.set(from, [...(edges.get(from) ?? []), target]);
    }
    expect(circlesIn(edges)).toEqual([]);
  });

  it('finds a circle where there is one', () => {
    const edges = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['b']],
    ]);
    expect(circlesIn(edges)).toEqual(['b → c → b']);
  });

  it('has no barrels but the index of the SDK', () => {
    const barrels = sources.filter((file) => {
      if (file === join('client', 'index.ts')) return false;
      return /(^|[\\/])index\.ts$/.test(file) || /^export \* from/m.test(sourceText(file));
    });
    expect(barrels).toEqual([]);
  });

  it('ends every import of ours in .ts', () => {
    const wrong = imports.filter(({ target, specifier }) => target !== null && !/\.(ts|json|avsc)$/.test(specifier));
    expect(wrong.map(describeImport)).toEqual([]);
  });
});

function sourceText(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8');
}
