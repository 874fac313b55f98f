/** Lanes that only read the sources: lint, types, charts, images, compose. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../stack/root.ts';
import { check, command, lastLines } from './command.ts';
import { fail, type Lane, type LaneContext, type LaneResult, skip, sum } from './lane.ts';
import { pythonEnvironment } from './python.ts';

const KUBERNETES_VERSION = '1.36';
const REQUIREMENTS = join(import.meta.dirname, 'requirements.txt');
const bin = (name: string): string => join(ROOT, 'node_modules', '.bin', name);

export const lint: Lane = {
  name: 'lint',
  about: 'biome over all code, sh -n over the shell scripts',
  run: async ({ aborted }) => {
    const scripts = shellScripts();
    return sum([
      await check([bin('biome'), 'check', '--error-on-warnings', '.'], { aborted }),
      ...(await Promise.all(scripts.map((script) => check(['sh', '-n', script], { aborted })))),
    ]);
  },
};

export const types: Lane = {
  name: 'types',
  about: 'the TypeScript compiler over all code',
  run: async ({ aborted }) =>
    sum([
      await check([bin('tsc'), '--noEmit'], { aborted }),
      // Another runtime, with other globals.
      await check([bin('tsc'), '--noEmit', '-p', 'k6'], { aborted }),
    ]),
};

export const charts: Lane = {
  name: 'charts',
  about: `helm lint --strict, and what the chart renders against Kubernetes ${KUBERNETES_VERSION}`,
  tools: ['helm'],
  run: async (context) => {
    const helm = await context.tool('helm');
    if ('missing' in helm) return skip(helm.missing);
    const chart = join(ROOT, 'helm', 'roomlog');
    if (!existsSync(chart)) return fail('helm/roomlog is missing');
    const ci = join(chart, 'ci');
    const values = existsSync(ci) ? readdirSync(ci).filter((name) => name.endsWith('.yaml')) : [];
    if (values.length === 0) return fail('helm/roomlog/ci has no values to render the chart with');
    return sum([
      await check([helm.program, 'lint', '--strict', chart], context),
      ...(await Promise.all(values.map((name) => checkRendered(helm.program, chart, join(ci, name), context)))),
    ]);
  },
};

async function checkRendered(
  helm: string,
  chart: string,
  values: string,
  { aborted }: LaneContext,
): Promise<LaneResult> {
  const given = [chart, '--values', values];
  const linted = await check([helm, 'lint', '--strict', ...given], { aborted });
  const rendered = await command([helm, 'template', 'check', ...given], { aborted });
  if (rendered.code !== 0) return sum([linted, fail(`helm template ${values}`, ...lastLines(rendered.output))]);
  const validate = join(await pythonEnvironment(REQUIREMENTS, aborted), 'kubernetes-validate');
  const input = withoutCustomResources(rendered.stdout);
  const valid = await check([validate, '-k', KUBERNETES_VERSION, '--strict', '-'], { aborted, input });
  return sum([linted, valid]);
}

/** Kubernetes' schemas know nothing of what operators add. */
function withoutCustomResources(manifests: string): string {
  const documents = manifests.split(/^---$/m);
  return documents.filter((document) => !document.includes('apiVersion: monitoring.coreos.com/')).join('---');
}

export const dockerfile: Lane = {
  name: 'dockerfile',
  about: 'hadolint over deploy/Dockerfile',
  run: async ({ aborted }) => {
    const hadolint = join(await pythonEnvironment(REQUIREMENTS, aborted), 'hadolint');
    return await check([hadolint, join(ROOT, 'deploy', 'Dockerfile')], { aborted });
  },
};

export const compose: Lane = {
  name: 'compose',
  about: 'compose.yaml against the schema of the compose specification',
  run: async ({ aborted }) => {
    const validate = join(await pythonEnvironment(REQUIREMENTS, aborted), 'check-jsonschema');
    return await check([validate, '--builtin-schema', 'vendor.compose-spec', join(ROOT, 'compose.yaml')], { aborted });
  },
};

function shellScripts(): string[] {
  const folders = ['.', 'scripts', 'scripts/lib', '.ci', 'bench', 'deploy'].map((name) => join(ROOT, name));
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => path.endsWith('.sh') || /^#!\/bin\/sh\b/.test(readFileSync(path, 'utf8').slice(0, 12)));
}
