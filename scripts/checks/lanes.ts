/** All lanes, in the order in which they run: quick ones first, while the tools of later ones are built. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages, onPath } from '../stack/packages.ts';
import type { Lane, LaneContext } from './lane.ts';
import { k6, python } from './on-stack.ts';
import { packageFolder, packed } from './packed.ts';
import { charts, compose, dockerfile, lint, types } from './static.ts';
import { vitestLane } from './vitest.ts';

export const LANES: readonly Lane[] = [
  packed,
  lint,
  types,
  vitestLane('unit', 'everything that needs nothing running'),
  dockerfile,
  compose,
  vitestLane('integration', 'a real stack of three gateways and two sequencers', integrationEnvironment, {
    tools: ['toxiproxy'],
    after: ['package'],
  }),
  vitestLane('browser', 'the demo page in real headless Chromium', async () => ({
    ROOMLOG_TEST_CHROMIUM: ensureChromium(),
  })),
  python,
  k6,
  charts,
];

async function integrationEnvironment(context: LaneContext): Promise<Record<string, string>> {
  const toxiproxy = await context.tool('toxiproxy');
  const installed = packageFolder(context);
  return {
    ...('program' in toxiproxy ? { ROOMLOG_TEST_TOXIPROXY: toxiproxy.program } : {}),
    ...(existsSync(join(installed, 'node_modules', '.bin', 'roomlog')) ? { ROOMLOG_TEST_PACKAGE: installed } : {}),
  };
}

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];

function ensureChromium(): string {
  const find = (): string | null => BROWSERS.map(onPath).find((path) => path !== null) ?? null;
  const found = find();
  if (found !== null) return found;
  installPackages('The browser tests need Chromium', ['chromium']);
  return find() ?? 'chromium';
}
