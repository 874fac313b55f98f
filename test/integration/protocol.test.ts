/**
 * The wire protocol on the real stack, as a stranger's client sees it: what needs Kafka, Redis or two gateways. The rows that
 * a gateway decides by itself are in test/unit/edge.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { mintSession } from '../../core/sequencing/uuidv7.ts';
import { eventsOf } from '../support/frames.ts';
import { gateway, kill, restart, restoreAll, token } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { type Frame, WireClient } from '../support/wire-client.ts';

const clients: WireClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.socket.terminate();
});
afterAll(() => restoreAll());

async function hello(number = 1, user = 'alice', more: object = {}): Promise<WireClient> {
  const client = await WireClient.hello(gateway(number).ws, await token(user), more);
  clients.push(client);
  return client;
}
const newRoom = (): string => `protocol/${randomUUID()}`;
const seqs = (client: WireClient): unknown[] => eventsOf(client.frames).map(({ seq }) => seq);

describe('across gateways', () => {
  test('a session goes on, repeats are duplicates, and a cursor resumes where it was', async () => {
    const room = newRoom();
    const publish = (pub: number) => ({ type: 'publish', room, pub, event: 'e', data: { pub } });
    const first = await hello(1);
    await first.ask({ type: 'join', room });
    const acks: Frame[] = [];
    for (let pub = 1; pub <= 3; pub += 1) acks.push(await first.ask(publish(pub)));
    expect(acks).toMatchObject([
      { type: 'ack', seq: 1 },
      { type: 'ack', seq: 2 },
      { type: 'ack', seq: 3 },
    ]);
    const second = await hello(2, 'alice', { session: first.frames[0]?.session });
    expect(await second.ask(publish(3))).toMatchObject({ pub: 3, seq: 3, cursor: acks[2]?.cursor, duplicate: true });
    expect(await second.ask(publish(5))).toMatchObject({ code: 'out_of_order', expected: 4 });
    expect(await second.ask(publish(4))).toMatchObject({ type: 'ack', seq: 4 });
    expect(await second.ask({ type: 'join', room, after: acks[0]?.cursor })).toMatchObject({ recovered: true });
    await second.next('live');
    expect(seqs(second)).toEqual([2, 3, 4]);
    await first.find(({ type, seq }) => type === 'event' && seq === 4, 'the event published on the other gateway');
    expect(seqs(first)).toEqual([1, 2, 3, 4]);
  });

  test('ephemeral events reach the members on both, and take no seq', async () => {
    const room = newRoom();
    const [here, there] = [await hello(1), await hello(2, 'bob')];
    for (const client of [here, there]) {
      await client.ask({ type: 'join', room });
      await client.next('live');
    }
    const typing = { type: 'publish', room, event: 'typing', data: 1, ephemeral: true };
    await waitFor(async () => {
      expect(await here.ask(typing)).toMatchObject({ type: 'ack' });
      return there.all('event').length > 0;
    });
    expect(there.all('event')[0]).toMatchObject({ room, user: 'alice', event: 'typing', data: 1 });
    expect(there.all('event')[0]).not.toHaveProperty('seq');
    expect(await here.ask({ type: 'publish', room, event: 'e', data: 1 })).toMatchObject({ seq: 1 });
  });

  test('presence shows members of both', async () => {
    const room = newRoom();
    const here = await hello(1);
    await here.ask({ type: 'join', room, presence: true, meta: { at: 'here' } });
    const there = await hello(2, 'bob');
    await there.ask({ type: 'join', room, presence: true });
    await waitFor(async () => {
      const list = await here.ask({ type: 'presence', room });
      return list.count === 2 ? list : null;
    });
    there.socket.terminate();
    await here.find(({ type, left }) => type === 'presence' && JSON.stringify(left).includes('bob'));
  });
});

describe('what only the sequencer can tell', () => {
  test('session_unknown, session_in_use, and another user’s use of a session', async () => {
    const room = newRoom();
    const publish = (pub: number, data: unknown) => ({ type: 'publish', room, pub, event: 'e', data });
    const alice = await hello();
    expect(await alice.ask(publish(7, 'x'))).toMatchObject({ code: 'session_unknown' });
    expect(await alice.ask(publish(1, 'x'))).toMatchObject({ type: 'ack', seq: 1 });
    expect(await alice.ask(publish(1, 'y'))).toMatchObject({ code: 'session_in_use' });
    const mallory = await hello(1, 'mallory', { session: alice.frames[0]?.session });
    const ack = await mallory.ask(publish(1, 'x'));
    expect(ack).toMatchObject({ type: 'ack', seq: 2 });
    expect(ack).not.toHaveProperty('duplicate');
    const old = mintSession(Date.now() - 90_000_000, (bytes) => new Uint8Array(bytes));
    const late = await hello(1, 'alice', { session: old });
    expect(await late.ask(publish(1, 'x'))).toMatchObject({ code: 'session_unknown' });
  });

  test('bytes of data arrive as they were sent', async () => {
    const room = newRoom();
    const client = await hello();
    await client.ask({ type: 'join', room });
    const data = '{ "n": 12345678901234567890, "e": 1e400, "s": "\\u00e9\\/", "a":1, "a":2 }';
    client.send(`{"type":"publish","id":1,"room":"${room}","event":"e","data":${data}}`);
    await client.answer(1);
    await client.next('event');
    expect(client.texts.find((text) => text.startsWith('{"type":"event"'))?.endsWith(`"data":${data}}`)).toBe(true);
  });

  test('cursors of another room are refused', async () => {
    const [mine, other] = [newRoom(), newRoom()];
    const client = await hello();
    await client.ask({ type: 'publish', room: mine, event: 'e', data: 1 });
    let cursor: unknown;
    for (let count = 0; count < 3; count += 1) {
      ({ cursor } = await client.ask({ type: 'publish', room: other, event: 'e', data: 1 }));
    }
    expect(await client.ask({ type: 'join', room: mine, after: cursor })).toMatchObject({ code: 'cursor_invalid' });
    expect(await client.ask({ type: 'join', room: mine, after: 'start' })).toMatchObject({ type: 'joined' });
  });
});

test('a gateway that is told to stop says reconnect and closes with 1012, and the client finds everything elsewhere', async () => {
  const room = newRoom();
  const client = await hello(2);
  await client.ask({ type: 'join', room });
  for (let pub = 1; pub <= 20; pub += 1) client.send({ type: 'publish', id: pub, room, pub, event: 'e', data: pub });
  await kill('gateway-2', 'SIGTERM');
  expect(await client.close()).toMatchObject({ code: 1012 });
  expect(client.frames.at(-1)).toMatchObject({ type: 'reconnect', delay: expect.any(Number) });
  const acked = client.all('ack').length;
  const next = await hello(1, 'alice', { session: client.frames[0]?.session });
  for (let pub = acked + 1; pub <= 20; pub += 1) {
    expect(await next.ask({ type: 'publish', room, pub, event: 'e', data: pub })).toMatchObject({ type: 'ack' });
  }
  await next.ask({ type: 'join', room, after: 'start' });
  await next.next('live');
  expect(eventsOf(next.frames).map(({ pub }) => pub)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
  await restart('gateway-2');
});
