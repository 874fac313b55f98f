import { expect, it } from 'vitest';
import type { WebSocketConstructor } from './connection.ts';
import type { RoomlogClientError } from './errors.ts';
import { gateway, open, playGateways, until } from './testing/played-gateway.ts';

playGateways();

it('offers the JSON subprotocol and says hello with the token, without a session', async () => {
  const client = open();
  const { hello } = await gateway.welcome();
  expect(hello).toEqual({ type: 'hello', token: 'a token', batch: true });
  await client.ready();
  expect(client.states.map(({ state }) => state)).toEqual(['connecting', 'open']);
});

it('works with the global WebSocket of Node', async () => {
  const client = open({ webSocket: globalThis.WebSocket as unknown as WebSocketConstructor });
  await gateway.welcome();
  await client.ready();
});

it('comes back with the same session after the connection was cut', async () => {
  open();
  const first = await gateway.welcome('s-7');
  first.peer.cut();
  const { hello } = await gateway.welcome('s-7');
  expect(hello.session).toBe('s-7');
});

it('waits as long as a reconnect frame says before it comes back after 1012', async () => {
  const client = open();
  const { peer } = await gateway.welcome();
  peer.send({ type: 'reconnect', delay: 7, reason: 'drain' });
  peer.close(1012);
  await gateway.welcome();
  expect(client.states).toContainEqual({ state: 'waiting', waitMs: 7, closeCode: 1012, reason: '' });
});

it.each([1013, 4408, 4429, 1011])(
  'comes back after %i',
  async (code) => {
    open({ backoff: { minMs: 1, maxMs: 2, random: () => 0 } });
    const { peer } = await gateway.welcome();
    peer.close(code);
    await gateway.accept();
  },
  10_000,
);

it.each([1003, 1008, 1009, 4406, 4403, 4401])('stops with an error after %i with a fixed token', async (code) => {
  const client = open();
  const { peer } = await gateway.welcome();
  await client.ready();
  peer.close(code, 'because');
  await until(() => client.state.state === 'closed');
  expect(client.state).toMatchObject({ error: { details: { closeCode: code } } });
  await expect(client.publish('r', 'e', 1)).rejects.toMatchObject({ details: { closeCode: code } });
  expect(gateway.connections).toBe(1);
});

it.each([1000, 1001])('ends without an error after %i', async (code) => {
  const client = open();
  const { peer } = await gateway.welcome();
  peer.close(code);
  await until(() => client.state.state === 'closed');
  expect(client.state).toEqual({ state: 'closed', error: null });
});

it('asks its token function again after 4401, and only then', async () => {
  let asked = 0;
  open({
    token: async () => {
      asked += 1;
      return `token ${asked}`;
    },
  });
  const first = await gateway.welcome();
  first.peer.cut();
  const second = await gateway.welcome();
  expect(second.hello.token).toBe('token 1');
  second.peer.close(4401);
  const third = await gateway.welcome();
  expect(third.hello.token).toBe('token 2');
});

it('stops when new tokens are refused again and again', async () => {
  const client = open({ token: () => 'bad', backoff: { minMs: 1, maxMs: 2 } });
  while (client.state.state !== 'closed') {
    const peer = await Promise.race([gateway.accept(), until(() => client.state.state === 'closed')]);
    if (peer) peer.close(4401);
  }
  expect(client.state.error).toMatchObject({ code: 'unauthorized' });
  expect(gateway.connections).toBe(6);
});

it('tries again when the token function fails', async () => {
  let asked = 0;
  const client = open({
    token: () => {
      asked += 1;
      if (asked === 1) throw new Error('no network');
      return 'fine';
    },
  });
  const errors: RoomlogClientError[] = [];
  client.on('error', (error) => errors.push(error));
  const { hello } = await gateway.welcome();
  expect(hello.token).toBe('fine');
  expect(errors.map(({ code }) => code)).toEqual(['token_unavailable']);
});

it('gives up a gateway that is silent after the ping, and connects again', async () => {
  const client = open({ pongTimeoutMs: 20 });
  const { peer } = await gateway.welcome('s-1', { heartbeat: 20 });
  expect((await peer.next()).type).toBe('ping');
  await gateway.welcome('s-1');
  expect(client.states).toContainEqual(expect.objectContaining({ state: 'waiting', closeCode: 4408 }));
});

it('stays while pongs come', async () => {
  const client = open({ pongTimeoutMs: 1_000 });
  const { peer } = await gateway.welcome('s-1', { heartbeat: 5 });
  for (let count = 0; count < 5; count += 1) peer.send({ type: 'pong', id: (await peer.next('ping')).id });
  expect(client.state.state).toBe('open');
  expect(gateway.connections).toBe(1);
});

it('gives up a gateway that never welcomes', async () => {
  open({ connectTimeoutMs: 300 });
  await gateway.accept();
  await gateway.welcome();
});

it('does not connect again after close()', async () => {
  const client = open();
  const { peer } = await gateway.welcome();
  await client.ready();
  await client.close();
  await peer.gone();
  expect(client.state).toEqual({ state: 'closed', error: null });
  expect(gateway.connections).toBe(1);
});
