/** All lanes, in the order in which they run: quick ones first, while the tools of later ones are built. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages, onPath } from '../stack/packages.ts';
import { faults } from './faults.ts';
import { k6 } from './k6.ts';
import type { Lane, LaneContext } from './lane.ts';
import { python } from './on-stack.ts';
import { packageFolder, packed } from './packed.ts';
import { charts, compose, dockerfile, lint, types } from './static.ts';
import { vitestLane } from './vitest.ts';

export const LANES: readonly Lane[] = [
  packed,
  lint,
  types,
  vitestLane('unit', 'everything that needs nothing running'),
  vitestLane('simulation', 'seeded runs of the whole system, in virtual time'),
  dockerfile,
  compose,
  vitestLane('streams', 'real Kafka, Redis and registry, with streams of the tests’ own', withToxiproxy, {
    tools: ['toxiproxy'],
    beside: true,
  }),
  vitestLane('integration', 'a real stack of three gateways and two sequencers', withPackage, {
    after: ['package'],
  }),
  vitestLane('browser', 'real headless Chromium: the demo page, compressed rooms', withChromium),
  faults,
  python,
  k6,
  charts,
];

async function withToxiproxy(context: LaneContext): Promise<Record<string, string>> {
  const toxiproxy = await context.tool('toxiproxy');
  return 'program' in toxiproxy ? { ROOMLOG_TEST_TOXIPROXY: toxiproxy.program } : {};
}

async function withPackage(context: LaneContext): Promise<Record<string, string>> {
  const folder = packageFolder(context);
  return existsSync(join(folder, 'node_modules', '.bin', 'roomlog')) ? { ROOMLOG_TEST_PACKAGE: folder } : {};
}

async function withChromium(): Promise<Record<string, string>> {
  return { ROOMLOG_TEST_CHROMIUM: ensureChromium() };
}

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];

function ensureChromium(): string {
  const find = (): string | null => BROWSERS.map(onPath).find((path) => path !== null) ?? null;
  const found = find();
  if (found !== null) return found;
  installPackages('The browser tests need Chromium', ['chromium']);
  return find() ?? 'chromium';
}
