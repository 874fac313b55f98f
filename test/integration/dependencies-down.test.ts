import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { RoomWorld } from '../support/room-world.ts';
import { freeze, gateway, kill, restart, restoreAll, stack, thaw, token } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { WireClient } from '../support/wire-client.ts';

let world: RoomWorld | null = null;
const clients: WireClient[] = [];

afterEach(async () => {
  await world?.close();
  world = null;
  for (const client of clients.splice(0)) client.socket.terminate();
  await restoreAll();
});

async function hello(number: number, user: string): Promise<WireClient> {
  const client = await WireClient.hello(gateway(number).ws, await token(user));
  clients.push(client);
  return client;
}

test('with the registry down at runtime events go on', async () => {
  world = await RoomWorld.open({ rooms: 6, membersPerRoom: 2, publishers: 2, name: `registry/${randomUUID()}` });
  await world.publish(20);
  await kill('registry');
  await world.publish(40);
  await restart('registry');
  await world.publish(10);
  await world.settle();
  world.check();
}, 120_000);

test('with Redis down durable events go on; presence answers unavailable and heals by itself', async () => {
  const room = `redis/${randomUUID()}`;
  const alice = await hello(1, 'alice');
  const bob = await hello(2, 'bob');
  expect(await alice.ask({ type: 'join', room, presence: true })).toMatchObject({ type: 'joined' });
  await kill('redis');
  expect(await alice.ask({ type: 'presence', room })).toMatchObject({ type: 'error', code: 'unavailable' });
  // A join asks for presence in vain, but it is a join all the same.
  expect(await bob.ask({ type: 'join', room, presence: true })).toMatchObject({ type: 'joined', room });
  expect(await alice.ask({ type: 'publish', room, pub: 1, event: 'e', data: 1 })).toMatchObject({
    type: 'ack',
    seq: 1,
  });
  expect(await bob.next('event')).toMatchObject({ room, seq: 1, data: 1 });
  await restart('redis');
  const members = await waitFor(
    async () => {
      const answer = await alice.ask({ type: 'presence', room });
      return answer.type === 'members' && answer.count === 2 ? answer : false;
    },
    { withinMs: 20_000, what: 'both members after Redis came back' },
  );
  expect((members.members as { user: string }[]).map(({ user }) => user).sort()).toEqual(['alice', 'bob']);
}, 120_000);

test('with every broker frozen publishes are refused at once, and what had no answer is sequenced once they go on', async () => {
  const room = `frozen/${randomUUID()}`;
  const alice = await hello(1, 'alice');
  const bob = await hello(1, 'bob');
  const publish = { type: 'publish', room, event: 'e', data: 1 };
  const openCircuits = async (): Promise<number> => {
    const health = (await (await fetch(`${gateway(1).admin}/health`)).json()) as {
      publishing: { circuits: { open: number; 'half-open': number } };
    };
    return health.publishing.circuits.open + health.publishing.circuits['half-open'];
  };
  expect(await alice.ask({ ...publish, pub: 1 })).toMatchObject({ type: 'ack', seq: 1 });
  const brokers = stack().kafka.brokers.map((_, index) => `kafka-${index + 1}`);
  await Promise.all(brokers.map(freeze));
  let waiting: Promise<unknown>;
  try {
    waiting = alice.ask({ ...publish, pub: 2 });
    await waitFor(async () => (await openCircuits()) > 0, { withinMs: 10_000, what: 'an open circuit' });
    const askedAt = performance.now();
    const refusal = await bob.ask({ ...publish, pub: 1 });
    expect(refusal).toMatchObject({ type: 'error', code: 'unavailable', retryAfter: expect.any(Number) });
    expect(performance.now() - askedAt).toBeLessThan(500);
  } finally {
    brokers.forEach(thaw);
  }
  expect(await waiting).toMatchObject({ type: 'ack', seq: 2 });
  await waitFor(async () => (await openCircuits()) === 0, { withinMs: 10_000, what: 'all circuits closed' });
  expect(await bob.ask({ ...publish, pub: 1 })).toMatchObject({ type: 'ack', seq: 3 });
}, 60_000);

test("a killed gateway's members are gone within 15 seconds", async () => {
  const room = `ghosts/${randomUUID()}`;
  const alice = await hello(1, 'alice');
  const bob = await hello(2, 'bob');
  await alice.ask({ type: 'join', room, presence: true });
  await bob.ask({ type: 'join', room, presence: true });
  const count = async () => (await alice.ask({ type: 'presence', room })).count;
  await waitFor(async () => (await count()) === 2, { what: 'both members' });
  await kill('gateway-2');
  const killedAt = performance.now();
  await waitFor(async () => (await count()) === 1, { withinMs: 20_000, what: 'one member' });
  expect(performance.now() - killedAt).toBeLessThan(15_000);
  await waitFor(() => alice.all('presence').some((frame) => (frame.left as unknown[]).length === 1), {
    what: 'a diff that says who left',
  });
}, 60_000);
