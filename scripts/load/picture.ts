/** Makes the picture of a load report for k6/README.md: node scripts/load/picture.ts k6/reports/fanout.html k6/report.png */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { RoomlogError } from '../../core/errors.ts';
import { onPath } from '../stack/packages.ts';

const WIDTH = 1_200;
const HEIGHT = 2_560;

const [report, picture] = process.argv.slice(2);
if (report === undefined || picture === undefined) {
  throw new RoomlogError('config_invalid', 'usage: node scripts/load/picture.ts REPORT.html PICTURE.png');
}
const executablePath = ['chromium', 'chromium-browser', 'google-chrome'].map(onPath).find((path) => path !== null);
if (executablePath === undefined) throw new RoomlogError('config_invalid', 'Chromium is not on PATH; install it.');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const page = await browser.newPage({ viewport: { width: WIDTH, height: HEIGHT } });
  await page.goto(pathToFileURL(resolve(report)).href);
  await page.locator('canvas').first().waitFor();
  await page.screenshot({ path: picture, animations: 'disabled' });
} finally {
  await browser.close();
}
