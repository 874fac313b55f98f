/** Who is in a room, as its members are told. */
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryConnectionRegistry } from '../../../adapters/memory/connections.ts';
import { MemoryPresence, PresenceHub } from '../../../adapters/memory/presence.ts';
import { LocalBus } from '../../support/local-bus.ts';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import type { WireClient } from '../../support/wire-client.ts';

const hub = new PresenceHub();
let gateway: MemoryGateway;
let rooms = 0;
let room = '';

beforeAll(async () => {
  gateway = await MemoryGateway.start({
    dependencies: {
      stores: {
        presence: new MemoryPresence(hub),
        ephemeral: new LocalBus(),
        connections: new MemoryConnectionRegistry(),
      },
    },
  });
});
beforeEach(() => {
  rooms += 1;
  room = `room/${rooms}`;
});
afterAll(() => gateway.stop());

const join = (client: WireClient, more: object = {}) => client.ask({ type: 'join', room, ...more });

describe('presence', () => {
  test('shows the members with their meta, and the others see them come and go', async () => {
    const alice = await gateway.client('alice');
    const bob = await gateway.client('bob');
    const first = await join(alice, { presence: true, meta: { colour: 'red' } });
    expect(first.members).toEqual([
      { user: 'alice', connection: alice.frames[0]?.connection, since: expect.any(Number), meta: { colour: 'red' } },
    ]);
    const second = await join(bob, { presence: true });
    expect(second.members).toHaveLength(2);
    const came = await alice.find(({ type, joined }) => type === 'presence' && JSON.stringify(joined).includes('bob'));
    expect(came).toMatchObject({ room, version: expect.any(Number), joined: [{ user: 'bob' }], left: [] });
    bob.socket.terminate();
    const went = await alice.find(({ type, left }) => type === 'presence' && JSON.stringify(left).includes('bob'));
    expect(went).toMatchObject({ room, joined: [], left: [{ user: 'bob' }] });
    expect(went.version).toBeGreaterThan(came.version as number);
  });

  test('is not asked for, not given: no members, no diffs, not shown', async () => {
    const alice = await gateway.client('alice');
    const bob = await gateway.client('bob');
    expect(await join(bob)).not.toHaveProperty('members');
    expect((await join(alice, { presence: true })).members).toHaveLength(1);
    await bob.ask({ type: 'ping' });
    expect(bob.all('presence')).toEqual([]);
    expect(await bob.ask({ type: 'presence', room })).toMatchObject({
      type: 'members',
      room,
      count: 1,
      version: expect.any(Number),
      members: [{ user: 'alice' }],
    });
  });

  test('with meta replaces one’s own', async () => {
    const alice = await gateway.client('alice');
    const joined = await join(alice, { presence: true, meta: 1 });
    const members = await alice.ask({ type: 'presence', room, meta: { away: true } });
    expect(members).toMatchObject({ count: 1, members: [{ user: 'alice', meta: { away: true } }] });
    expect((members.members as object[])[0]).toMatchObject({
      since: (joined.members as { since: number }[])[0]?.since,
    });
  });

  test('ends with the room', async () => {
    const alice = await gateway.client('alice');
    const bob = await gateway.client('bob');
    await join(alice, { presence: true });
    await join(bob, { presence: true });
    await bob.ask({ type: 'leave', room });
    await alice.find(({ type, left }) => type === 'presence' && JSON.stringify(left).includes('bob'));
    expect(await alice.ask({ type: 'presence', room })).toMatchObject({ count: 1 });
  });

  test('that can’t be had answers unavailable, and holds no durable event up', async () => {
    const alice = await gateway.client('alice');
    hub.takeDown();
    try {
      const joined = await join(alice, { presence: true });
      expect(joined.type).toBe('joined');
      expect(joined).not.toHaveProperty('members');
      expect(await alice.ask({ type: 'presence', room })).toMatchObject({
        code: 'unavailable',
        retryAfter: expect.any(Number),
        room,
      });
      const published = await alice.ask({ type: 'publish', room, event: 'say', data: 1 });
      expect(published).toMatchObject({ type: 'ack' });
      expect(await alice.next('event')).toMatchObject({ seq: 1 });
    } finally {
      hub.up();
    }
    await vi.waitFor(async () => expect(await alice.ask({ type: 'presence', room })).toMatchObject({ count: 1 }));
  });
});
