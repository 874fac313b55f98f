/** Go-built tools of pinned versions: from PATH, from the cache, or built into it one after another, in the background. */
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheDir } from '../stack/artifacts.ts';
import { onPath } from '../stack/packages.ts';
import { command } from './command.ts';
import type { ToolName } from './lane.ts';

interface Tool {
  /** Go package path with its pinned version. */
  readonly goPackage: string;
  readonly version: string;
  /** Name of the program on PATH, and of what Go makes. */
  readonly program: string;
  readonly built: string;
  readonly versionArgs: readonly string[];
}

const TOOLS: Readonly<Record<ToolName, Tool>> = {
  k6: { goPackage: 'go.k6.io/k6', version: 'v1.8.1', program: 'k6', built: 'k6', versionArgs: ['version'] },
  helm: {
    goPackage: 'helm.sh/helm/v4/cmd/helm',
    version: 'v4.3.1',
    program: 'helm',
    built: 'helm',
    versionArgs: ['version', '--short'],
  },
  toxiproxy: {
    goPackage: 'github.com/Shopify/toxiproxy/v2/cmd/server',
    version: 'v2.5.0',
    program: 'toxiproxy-server',
    built: 'server',
    versionArgs: ['--version'],
  },
};
const MIN_GO = [1, 26] as const;

export type ToolAnswer = { readonly program: string } | { readonly missing: string };

/** Starts getting the tools at once; each promise settles when its tool is there, and never rejects. */
export function prepareTools(
  names: readonly ToolName[],
  aborted: AbortSignal,
): ReadonlyMap<ToolName, Promise<ToolAnswer>> {
  const answers = new Map<ToolName, Promise<ToolAnswer>>();
  let previous: Promise<unknown> = Promise.resolve();
  for (const name of names) {
    const answer = previous.then(() => prepare(TOOLS[name], aborted));
    answers.set(name, answer);
    previous = answer;
  }
  return answers;
}

async function prepare(tool: Tool, aborted: AbortSignal): Promise<ToolAnswer> {
  const found = onPath(tool.program);
  if (found !== null && (await hasVersion(found, tool, aborted))) return { program: found };
  const dir = join(cacheDir(), 'tools', `${tool.program}-${tool.version}`);
  const program = join(dir, tool.built);
  if ((await command([program, ...tool.versionArgs], { aborted })).code === 0) return { program };
  const noGo = await goIsTooOld(aborted);
  if (noGo !== null) return { missing: `${tool.program} ${tool.version} is not on PATH, and ${noGo}` };
  return await build(tool, dir, aborted);
}

async function hasVersion(program: string, tool: Tool, aborted: AbortSignal): Promise<boolean> {
  const { code, output } = await command([program, ...tool.versionArgs], { aborted });
  // Some write v1.2.3, some 1.2.3, some 1.2.3+build.
  const version = tool.version.slice(1).replaceAll('.', '\\.');
  return code === 0 && new RegExp(`(?<![\\d.])${version}(?![\\w.-])`).test(output);
}

async function goIsTooOld(aborted: AbortSignal): Promise<string | null> {
  const { code, stdout } = await command(['go', 'version'], { aborted, env: { GOTOOLCHAIN: 'local' } });
  const wanted = MIN_GO.join('.');
  if (code !== 0) return `there is no Go ≥ ${wanted} to build it`;
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(stdout) ?? [];
  if (Number(major) > MIN_GO[0] || (Number(major) === MIN_GO[0] && Number(minor) >= MIN_GO[1])) return null;
  return `this machine's Go ${major}.${minor} is older than ${wanted}`;
}

async function build(tool: Tool, dir: string, aborted: AbortSignal): Promise<ToolAnswer> {
  mkdirSync(join(cacheDir(), 'tools'), { recursive: true });
  const making = mkdtempSync(join(cacheDir(), 'tools', 'build-'));
  try {
    // Nice: tests with clocks run beside it.
    const { code, output } = await command(['nice', '-n', '19', 'go', 'install', `${tool.goPackage}@${tool.version}`], {
      aborted,
      env: { GOBIN: making, GOTOOLCHAIN: 'local', GOFLAGS: '' },
    });
    if (code !== 0) return { missing: `go install ${tool.goPackage}@${tool.version} failed: ${output.slice(-800)}` };
    rmSync(dir, { recursive: true, force: true });
    renameSync(making, dir);
    return { program: join(dir, tool.built) };
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
}
