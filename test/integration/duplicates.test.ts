import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { gateway, token } from '../support/stack.ts';
import { type Frame, WireClient } from '../support/wire-client.ts';

const clients: WireClient[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.socket.terminate();
});

async function hello(number: number, user: string, body: object = {}): Promise<WireClient> {
  const client = await WireClient.hello(gateway(number).ws, await token(user), body);
  clients.push(client);
  return client;
}

const sessionOf = (client: WireClient): string => client.all('welcome')[0]?.session as string;

async function history(room: string, upTo: number): Promise<Frame[]> {
  const reader = await hello(3, 'reader');
  await reader.ask({ type: 'join', room, after: 'start' });
  await reader.next('live');
  expect(reader.all('event').map(({ seq }) => seq)).toEqual(Array.from({ length: upTo }, (_, index) => index + 1));
  return reader.all('event');
}

test('a publish re-sent on another gateway is acked with the original seq and stored once', async () => {
  const room = `again/${randomUUID()}`;
  const publish = (pub: number) => ({ type: 'publish', room, pub, event: 'e', data: { pub } });
  const first = await hello(1, 'alice');
  for (let pub = 1; pub <= 40; pub++) expect(await first.ask(publish(pub))).toMatchObject({ type: 'ack', seq: pub });
  first.socket.terminate();
  const second = await hello(2, 'alice', { session: sessionOf(first) });
  expect(sessionOf(second)).toBe(sessionOf(first));
  expect(await second.ask(publish(40))).toMatchObject({ type: 'ack', pub: 40, seq: 40, duplicate: true });
  expect(await second.ask(publish(9))).toMatchObject({ type: 'ack', seq: 9, duplicate: true });
  const forgotten = await second.ask(publish(8));
  expect(forgotten).toMatchObject({ type: 'ack', pub: 8, duplicate: true });
  expect(forgotten).not.toHaveProperty('seq');
  expect(await second.ask(publish(41))).toMatchObject({ type: 'ack', seq: 41 });
  await history(room, 41);
});

test('two tabs with one session: the second is told that the number was used for other content', async () => {
  const room = `tabs/${randomUUID()}`;
  const one = await hello(1, 'alice');
  const other = await hello(2, 'alice', { session: sessionOf(one) });
  expect(await one.ask({ type: 'publish', room, pub: 1, event: 'e', data: 'one' })).toMatchObject({ seq: 1 });
  expect(await other.ask({ type: 'publish', room, pub: 1, event: 'e', data: 'other' })).toMatchObject({
    type: 'error',
    code: 'session_in_use',
  });
  const events = await history(room, 1);
  expect(events[0]).toMatchObject({ data: 'one' });
});

test('the same session id of another user is another session: no duplicate, and no ack crosses', async () => {
  const room = `hijack/${randomUUID()}`;
  const alice = await hello(1, 'alice');
  const mallory = await hello(1, 'mallory', { session: sessionOf(alice) });
  const publish = { type: 'publish', room, pub: 1, event: 'e', data: 'same' };
  expect(await alice.ask(publish)).toMatchObject({ type: 'ack', seq: 1 });
  const crossed = await mallory.ask(publish);
  expect(crossed).toMatchObject({ type: 'ack', seq: 2 });
  expect(crossed).not.toHaveProperty('duplicate');
  const events = await history(room, 2);
  expect(events.map(({ user }) => user)).toEqual(['alice', 'mallory']);
});

test('a hole in the numbers is refused with the number that is waited for, and nothing is stored', async () => {
  const room = `hole/${randomUUID()}`;
  const alice = await hello(1, 'alice');
  expect(await alice.ask({ type: 'publish', room, pub: 1, event: 'e', data: 1 })).toMatchObject({ seq: 1 });
  expect(await alice.ask({ type: 'publish', room, pub: 3, event: 'e', data: 3 })).toMatchObject({
    type: 'error',
    code: 'out_of_order',
    expected: 2,
  });
  expect(await alice.ask({ type: 'publish', room, pub: 2, event: 'e', data: 2 })).toMatchObject({ seq: 2 });
  await history(room, 2);
});

test('a session that this room does not know begins with 1', async () => {
  const room = `unknown/${randomUUID()}`;
  const alice = await hello(1, 'alice');
  expect(await alice.ask({ type: 'publish', room, pub: 2, event: 'e', data: 2 })).toMatchObject({
    type: 'error',
    code: 'session_unknown',
  });
  await history(room, 0);
});
