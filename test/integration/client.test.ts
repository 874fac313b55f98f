/** The SDK on a real stack: what its unit tests show against a script has to hold against gateways. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, expect, onTestFinished, test } from 'vitest';
import { type ClientOptions, connect, type Presence, type RoomEvent, type RoomlogClient } from '../../client/index.ts';
import { ROOT, run } from '../support/command.ts';
import { gateway, kill, restart, restoreAll, stateDir, token } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

afterEach(restoreAll);

async function open(number: number, user = 'ann', options: Partial<ClientOptions> = {}): Promise<RoomlogClient> {
  const client = connect({
    url: gateway(number).ws,
    token: () => token(user),
    backoff: { minMs: 50, maxMs: 500 },
    ...options,
  });
  onTestFinished(() => client.close());
  await client.ready();
  return client;
}

const newRoom = () => `client/${randomUUID()}`;
const numbers = (events: readonly RoomEvent[]) => events.map(({ data }) => (data as { n: number }).n);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test('a cursor of one gateway resumes on another, after the event that it names', async () => {
  const room = newRoom();
  const first = await open(1);
  const seen: RoomEvent[] = [];
  const joined = await first.join(room, { onEvent: (event) => seen.push(event) });
  for (const n of upTo(20)) await first.publish(room, 'n', { n });
  await waitFor(() => seen.length === 20);
  const { cursor } = joined;
  await first.close();
  const second = await open(2);
  for (const n of upTo(10)) await second.publish(room, 'n', { n: 20 + n });
  const resumed = await second.join(room, { after: cursor ?? '' });
  expect(resumed.recovered).toBe(true);
  for await (const event of resumed) {
    seen.push(event);
    if (seen.length === 30) break;
  }
  expect(numbers(seen)).toEqual(upTo(30));
  expect(seen.map(({ seq }) => seq)).toEqual(upTo(30).map((n) => n + 1));
});

test('publishes in flight when their gateway is killed are sequenced once and in order', async () => {
  const room = newRoom();
  const publisher = await open(1, 'pat');
  const watcher = await open(2, 'wes');
  const seen: RoomEvent[] = [];
  await watcher.join(room, { onEvent: (event) => seen.push(event) });
  const all = upTo(600).map((n) => publisher.publish(room, 'n', { n }));
  await waitFor(() => seen.length > 50);
  await kill('gateway-1');
  await restart('gateway-1');
  const acks = await Promise.all(all);
  await waitFor(() => seen.length === 600, { withinMs: 20_000, what: 'all events' });
  expect(numbers(seen)).toEqual(upTo(600));
  for (const [index, { seq, duplicate }] of acks.entries()) if (!duplicate) expect(seq).toBe(index + 1);
  expect(publisher.resent).toBeGreaterThan(0);
}, 120_000);

test('a refused publish costs its room nothing: the next one takes its number', async () => {
  const allowed = newRoom();
  const client = await open(1, 'ann', { token: () => token('ann', { rooms: [allowed] }) });
  await expect(client.publish('elsewhere', 'n', { n: 0 })).rejects.toMatchObject({
    code: 'forbidden',
    details: { outcome: 'not_published' },
  });
  await expect(client.publish(allowed, 'n', 'x'.repeat(70_000))).rejects.toMatchObject({ code: 'too_large' });
  expect(await client.publish(allowed, 'n', { n: 1 })).toMatchObject({ seq: 1 });
});

test('a refusal in the middle of many leaves the order of the others, in a new session', async () => {
  const room = newRoom();
  const client = await open(1);
  const sessions = new Set<string>();
  client.on('state', (state) => {
    if (state.state === 'open') sessions.add(state.session);
  });
  const seen: RoomEvent[] = [];
  await client.join(room, { onEvent: (event) => seen.push(event) });
  // An event name without letters is refused by the gateway, and only there.
  const all = upTo(10).map((n) => client.publish(room, n === 4 ? '' : 'n', { n }));
  const outcomes = await Promise.allSettled(all);
  expect(outcomes.map(({ status }) => status)).toEqual(upTo(10).map((n) => (n === 4 ? 'rejected' : 'fulfilled')));
  await waitFor(() => seen.length === 9);
  expect(numbers(seen)).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9]);
  expect(sessions.size).toBe(1);
});

test('two clients of one user are two sessions, and members of their own', async () => {
  const room = newRoom();
  const [one, two] = [await open(1), await open(2)];
  let presence: Presence | null = null;
  await one.join(room, {
    presence: true,
    meta: { tab: 1 },
    onEvent: () => {},
    onPresence: (now) => {
      presence = now;
    },
  });
  await two.join(room, { presence: true, meta: { tab: 2 }, onEvent: () => {} });
  await waitFor(() => (presence as Presence | null)?.count === 2, { what: 'two members' });
  expect((presence as Presence | null)?.members.map(({ meta }) => meta)).toEqual(
    expect.arrayContaining([{ tab: 1 }, { tab: 2 }]),
  );
  const acks = await Promise.all([one, two].map((client) => client.publish(room, 'n', { n: 1 })));
  expect(acks.map(({ duplicate }) => duplicate)).toEqual([false, false]);
  await two.close();
  await waitFor(() => (presence as Presence | null)?.count === 1, { what: 'one member' });
});

test.each(['docs/client.md', 'README.md'])('the example of %s works as pasted', async (file) => {
  const text = readFileSync(resolve(ROOT, file), 'utf8');
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(text) ?? [];
  expect(example).toContain('connect(');
  const program = example.replaceAll('ws://127.0.0.1:7400/v1/ws', gateway(1).ws);
  const ran = await run(process.execPath, ['--input-type=module-typescript', '-'], {
    stdin: program,
    env: { ROOMLOG_STATE_DIR: stateDir(), ROOMLOG_TOKEN: await token('alice', { rooms: ['demo/**'] }) },
    withinMs: 30_000,
  });
  expect(ran).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining('rror'),
    stdout: expect.stringMatching(/\d+ alice.* text: |\d+ alice: .*"text"/s),
  });
});

test('ephemeral events reach those who are there, and nobody later', async () => {
  const room = newRoom();
  const [one, two] = [await open(1), await open(2)];
  const heard: unknown[] = [];
  const joined = await two.join(room, { onEvent: () => {}, onEphemeral: ({ data }) => heard.push(data) });
  await waitFor(async () => {
    await one.publish(room, 'typing', { by: 'ann' }, { ephemeral: true });
    return heard.length > 0;
  });
  expect(heard[0]).toEqual({ by: 'ann' });
  expect(joined.headSeq).toBe(0);
  expect(await one.publish(room, 'n', { n: 0 })).toMatchObject({ seq: 1 });
});
