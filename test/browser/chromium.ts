/** A real headless Chromium for tests: Debian's, or the one that ROOMLOG_TEST_CHROMIUM names. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export async function launchChromium(): Promise<Browser> {
  const executablePath = process.env.ROOMLOG_TEST_CHROMIUM ?? CANDIDATES.find((path) => existsSync(path));
  if (executablePath === undefined)
    throw new Error('no Chromium here: apt-get install chromium, or set ROOMLOG_TEST_CHROMIUM');
  return await chromium.launch({
    executablePath,
    // A root user's container has no sandbox to give; the rest keeps it from calling home.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
