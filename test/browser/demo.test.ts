/** The demo page in a real Chromium, against a real stack: two people in a room, and one who watches an airport. */
import { randomUUID } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { WebSocketConstructor } from '../../client/index.ts';
import { connect } from '../../client/index.ts';
import { gateway, kill, restoreAll, token } from '../support/stack.ts';
import { launchChromium } from './chromium.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
});

/** A page of a person of its own, joined. What the console says against it is kept. */
async function person(name: string, room: string, number = 1): Promise<Page & { complaints: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 640 } });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${gateway(number).http}/demo`);
  await page.getByLabel('Your name').fill(name);
  await page.getByLabel('Room', { exact: true }).fill(room);
  await page.getByRole('button', { name: 'Join' }).click();
  await page.getByText(/^live at /).waitFor();
  return Object.assign(page, { complaints });
}

const say = async (page: Page, text: string) => {
  await page.getByLabel('Message').fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
};
const said = (page: Page) => page.locator('#log .body').allTextContents();
const members = (page: Page) => page.locator('#members li').allTextContents();

describe('the demo page', () => {
  it('lets two people see each other, type, and read the same order', async () => {
    const room = `demo/gate-${randomUUID().slice(0, 4)}`;
    const ada = await person('Ada', room);
    const ben = await person('Ben', room);
    await expect.poll(() => members(ada)).toEqual(expect.arrayContaining(['Ada (you)', 'Ben']));
    await expect.poll(() => members(ben)).toEqual(expect.arrayContaining(['Ada', 'Ben (you)']));

    await say(ada, 'Good morning! Which gate is the 08:58 to Peoria?');
    await ben.getByText('Which gate').waitFor();
    await say(ben, 'B12, and it leaves 104 minutes late.');
    await ada.getByText('B12').waitFor();
    await say(ada, 'Then there is time for coffee ☕');
    await ben.getByText('coffee').waitFor();
    await ben.getByLabel('Message').pressSequentially('I wi');
    await ada.getByText('Ben typing…').waitFor();

    const order = (await said(ada)).map((line) => line.replace(' (you)', ''));
    expect((await said(ben)).map((line) => line.replace(' (you)', ''))).toEqual(order);
    expect(order[2]).toBe('Ada Then there is time for coffee ☕');
    expect(await ada.locator('#ack').textContent()).toMatch(/^seq 3 in \d+ ms$/);
    // Pixels differ from run to run, so the picture in the docs is only taken on demand.
    if (process.env.ROOMLOG_TEST_SCREENSHOT) await ada.screenshot({ path: process.env.ROOMLOG_TEST_SCREENSHOT });

    await say(ada, '<img src=x onerror="alert(1)">');
    await ben.getByText('<img src=x onerror="alert(1)">').waitFor();

    await ben.context().close();
    await expect.poll(() => members(ada), { timeout: 20_000 }).toEqual(['Ada (you)']);
    expect(ada.complaints).toEqual([]);
  });

  it('shows an airport to those who can only watch it', async () => {
    const airport = `airport/T${Date.now().toString(36).toUpperCase()}`;
    const watcher = await person('Eve', airport);
    expect(await watcher.getByLabel('Message').isDisabled()).toBe(true);
    const feed = connect({
      url: gateway(1).ws,
      token: await token('feed', { rooms: ['airport/*'] }),
      webSocket: WebSocket as unknown as WebSocketConstructor,
    });
    await feed.publish(airport, 'flight', { origin: 'ORD', destination: 'PIA' });
    await watcher.getByText('"destination":"PIA"').waitFor();
    await feed.close();
    await watcher.context().close();
  });

  it('refuses rooms that a demo token does not cover, in words', async () => {
    const page = await browser.newPage();
    await page.goto(`${gateway(1).http}/demo`);
    await page.getByLabel('Room', { exact: true }).fill('office/secret');
    await page.getByRole('button', { name: 'Join' }).click();
    await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/^forbidden/);
    await page.close();
  });

  it('comes back by itself when its gateway was killed, with everything that was said', async () => {
    const room = `demo/${randomUUID().slice(0, 8)}`;
    const ada = await person('Ada', room);
    await say(ada, 'before');
    await ada.getByText('before').waitFor();
    await kill('gateway-1');
    await ada.locator('#state:not([data-state="open"])').waitFor();
    await say(ada, 'while it was away');
    await restoreAll();
    await ada.getByText('while it was away').waitFor({ timeout: 60_000 });
    expect(await said(ada)).toEqual(['Ada (you) before', 'Ada (you) while it was away']);
    await ada.context().close();
  });

  it('fits a telephone without scrolling sideways', async () => {
    const context = await browser.newContext({ viewport: { width: 360, height: 640 } });
    const page = await context.newPage();
    await page.goto(`${gateway(1).http}/demo`);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(360);
    await context.close();
  });
});
