/** Joining, leaving, re-joining; ephemeral events: what a member of a room gets, and what not. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryConnectionRegistry } from '../../../adapters/memory/connections.ts';
import { MemoryPresence, PresenceHub } from '../../../adapters/memory/presence.ts';
import { userId } from '../../../core/ids.ts';
import { eventsOf } from '../../support/frames.ts';
import { LocalBus } from '../../support/local-bus.ts';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import type { WireClient } from '../../support/wire-client.ts';

const bus = new LocalBus();
const connections = new MemoryConnectionRegistry();
let gateway: MemoryGateway;
let rooms = 0;
let room = '';

beforeAll(async () => {
  gateway = await MemoryGateway.start({
    dependencies: { stores: { presence: new MemoryPresence(new PresenceHub()), ephemeral: bus, connections } },
  });
});
beforeEach(() => {
  rooms += 1;
  room = `room/${rooms}`;
  bus.available = true;
});
afterAll(() => gateway.stop());

const join = (client: WireClient, more: object = {}) => client.ask({ type: 'join', room, ...more });
const say = (client: WireClient, data: unknown) => client.ask({ type: 'publish', room, event: 'say', data });
const seqs = (client: WireClient): unknown[] => eventsOf(client.frames).map(({ seq }) => seq);

describe('join', () => {
  test('gives joined, the missed events, live, and the rest, in this order', async () => {
    const alice = await gateway.client();
    await say(alice, 1);
    await say(alice, 2);
    const bob = await gateway.client('bob');
    await join(bob, { after: 'start' });
    await bob.next('live');
    await say(alice, 3);
    await vi.waitFor(() => expect(seqs(bob)).toEqual([1, 2, 3]));
    expect(bob.frames.map(({ type }) => type)).toEqual(['welcome', 'joined', 'event', 'event', 'live', 'event']);
    expect(bob.all('joined')).toMatchObject([{ room, seq: 2, recovered: false }]);
    expect(bob.all('live')).toMatchObject([{ room, seq: 2 }]);
  });

  test('without a start begins with what comes', async () => {
    const alice = await gateway.client();
    await say(alice, 1);
    const bob = await gateway.client('bob');
    expect(await join(bob)).toMatchObject({ seq: 1, recovered: false });
    await bob.next('live');
    await say(alice, 2);
    await vi.waitFor(() => expect(seqs(bob)).toEqual([2]));
  });

  test('with last gives the newest, with since those from then on', async () => {
    const alice = await gateway.client();
    for (let number = 1; number <= 5; number += 1) await say(alice, number);
    const last = await gateway.client('last');
    await join(last, { last: 2 });
    await last.next('live');
    expect(seqs(last)).toEqual([4, 5]);
    const since = await gateway.client('since');
    await join(since, { since: 0 });
    await since.next('live');
    expect(seqs(since)).toEqual([1, 2, 3, 4, 5]);
  });

  test('resumes on another connection without hole or repeat', async () => {
    const alice = await gateway.client();
    const bob = await gateway.client('bob');
    await join(bob);
    await bob.next('live');
    await say(alice, 1);
    const { cursor } = await bob.next('event');
    bob.socket.terminate();
    await say(alice, 2);
    await say(alice, 3);
    const again = await gateway.client('bob');
    expect(await join(again, { after: cursor })).toMatchObject({ recovered: true, seq: 3 });
    await again.next('live');
    await say(alice, 4);
    await vi.waitFor(() => expect(seqs(again)).toEqual([2, 3, 4]));
  });

  test('of a joined room replaces the subscription: nothing comes twice', async () => {
    const alice = await gateway.client();
    const bob = await gateway.client('bob');
    await join(bob);
    await join(bob);
    await bob.count('live', 2);
    await say(alice, 1);
    await vi.waitFor(() => expect(seqs(bob)).toEqual([1]));
    await bob.ask({ type: 'ping' });
    expect(seqs(bob)).toEqual([1]);
  });

  test('that fails leaves nothing behind', async () => {
    const bob = await gateway.client('bob');
    expect(await join(bob, { after: 'nonsense' })).toMatchObject({ code: 'cursor_invalid', room });
    await say(bob, 1);
    await bob.ask({ type: 'ping' });
    expect(seqs(bob)).toEqual([]);
    expect([...bus.handlers.keys()]).not.toContain(room);
  });

  test('and leave in one breath end in not being joined', async () => {
    const bob = await gateway.client('bob');
    bob.send({ type: 'join', id: 1, room });
    bob.send({ type: 'leave', id: 2, room });
    bob.send({ type: 'join', id: 3, room });
    bob.send({ type: 'leave', id: 4, room });
    expect(await bob.answer(4)).toEqual({ type: 'left', id: 4, room });
    expect(bob.frames.filter(({ id }) => id !== undefined).map(({ type }) => type)).toEqual([
      'joined',
      'left',
      'joined',
      'left',
    ]);
    await say(bob, 1);
    await bob.ask({ type: 'ping' });
    expect(seqs(bob)).toEqual([]);
  });

  test('with batch delivers events in batch frames or one by one, all of them', async () => {
    const bob = await gateway.client('bob', { batch: true });
    for (let id = 1; id <= 30; id += 1) bob.send({ type: 'publish', id, room, event: 'e', data: id });
    await bob.count('ack', 30);
    await join(bob, { after: 'start' });
    await bob.next('live');
    expect(seqs(bob)).toEqual(Array.from({ length: 30 }, (_, at) => at + 1));
  });
});

describe('leave', () => {
  test('ends the events; of a room that was not joined it succeeds too', async () => {
    const bob = await gateway.client('bob');
    expect(await bob.ask({ type: 'leave', room })).toMatchObject({ type: 'left', room });
    await join(bob);
    await bob.next('live');
    await bob.ask({ type: 'leave', room });
    await say(bob, 1);
    await bob.ask({ type: 'ping' });
    expect(seqs(bob)).toEqual([]);
  });

  test('of one room leaves the others alone', async () => {
    const bob = await gateway.client('bob', { rooms: [{ id: 1, room: 'other' }] });
    await bob.answer(1);
    await join(bob);
    await bob.ask({ type: 'leave', room });
    await bob.ask({ type: 'publish', room: 'other', event: 'e', data: 1 });
    expect(await bob.next('event')).toMatchObject({ room: 'other' });
  });
});

test('ping is answered by pong', async () => {
  const client = await gateway.client();
  expect(await client.ask({ type: 'ping', id: 42 })).toEqual({ type: 'pong', id: 42 });
  expect(await client.ask({ type: 'ping', id: -1 })).toEqual({ type: 'pong', id: -1 });
  expect(await client.ask({ type: 'ping', id: 0 })).toEqual({ type: 'pong', id: 0 });
});

describe('an ephemeral event', () => {
  test('reaches the members, has no seq and no cursor, and takes no number', async () => {
    const alice = await gateway.client('alice');
    const bob = await gateway.client('bob');
    await join(alice);
    await join(bob);
    await bob.next('live');
    const typing = { type: 'publish', room, event: 'typing', data: { n: 1 }, ephemeral: true };
    const ack = await alice.ask(typing);
    expect(ack).toEqual({ type: 'ack', id: expect.any(Number), room });
    const event = await bob.next('event');
    expect(event).toEqual({
      type: 'event',
      room,
      time: expect.any(Number),
      user: 'alice',
      session: alice.frames[0]?.session,
      event: 'typing',
      data: { n: 1 },
    });
    expect(await say(alice, 'durable')).toMatchObject({ seq: 1 });
  });

  test('needs the publish right', async () => {
    const token = await gateway.token('alice', { rooms: [{ pattern: '**', allow: ['join'] }] });
    const alice = await gateway.client('alice', { token });
    await join(alice);
    const answer = await alice.ask({ type: 'publish', room, event: 'typing', data: 1, ephemeral: true });
    expect(answer).toMatchObject({ code: 'forbidden' });
  });

  test('is unavailable without the bus, and durable ones are not', async () => {
    const alice = await gateway.client('alice');
    bus.available = false;
    const answer = await alice.ask({ type: 'publish', room, event: 'typing', data: 1, ephemeral: true });
    expect(answer).toMatchObject({ code: 'unavailable', retryAfter: expect.any(Number) });
    expect(await say(alice, 1)).toMatchObject({ type: 'ack' });
  });
});

test('the registry knows a connection from welcome to close', async () => {
  const carol = await gateway.client('carol');
  const connection = carol.frames[0]?.connection;
  expect(await connections.of(userId('carol'))).toMatchObject([{ user: 'carol', connection, gateway: 'gateway-1' }]);
  carol.socket.terminate();
  await vi.waitFor(async () => expect(await connections.of(userId('carol'))).toEqual([]));
});

test('a closed connection leaves nothing behind', async () => {
  const before = bus.handlers.size;
  const alice = await gateway.client('alice');
  await join(alice, { presence: true });
  expect(bus.handlers.size).toBe(before + 1);
  alice.socket.close();
  await alice.close();
  await vi.waitFor(() => expect(bus.handlers.size).toBe(before));
});
