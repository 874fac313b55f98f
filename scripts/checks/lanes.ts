/** All lanes, in the order in which they run: quick ones first, while the tools of later ones are built. */
import { installPackages, onPath } from '../stack/packages.ts';
import type { Lane, LaneContext } from './lane.ts';
import { k6, python } from './on-stack.ts';
import { packed } from './packed.ts';
import { charts, compose, dockerfile, lint, types } from './static.ts';
import { vitestLane } from './vitest.ts';

export const LANES: readonly Lane[] = [
  lint,
  types,
  vitestLane('unit', 'everything that needs nothing running'),
  packed,
  dockerfile,
  compose,
  vitestLane('integration', 'a real stack of three gateways and two sequencers', integrationEnvironment, ['toxiproxy']),
  vitestLane('browser', 'the demo page in real headless Chromium', async () => ({
    ROOMLOG_TEST_CHROMIUM: ensureChromium(),
  })),
  python,
  k6,
  charts,
];

async function integrationEnvironment(context: LaneContext): Promise<Record<string, string>> {
  const toxiproxy = await context.tool('toxiproxy');
  return 'program' in toxiproxy ? { ROOMLOG_TEST_TOXIPROXY: toxiproxy.program } : {};
}

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];

function ensureChromium(): string {
  const find = (): string | null => BROWSERS.map(onPath).find((path) => path !== null) ?? null;
  const found = find();
  if (found !== null) return found;
  installPackages('The browser tests need Chromium', ['chromium']);
  return find() ?? 'chromium';
}
