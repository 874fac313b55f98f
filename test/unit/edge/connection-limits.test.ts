/** How many connections there may be, in all, of a user and of an address, and rooms of one. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import { refused } from '../../support/refused-upgrade.ts';
import { WireClient } from '../../support/wire-client.ts';

let gateway: MemoryGateway;
let token: string;

beforeAll(async () => {
  gateway = await MemoryGateway.start();
  token = await gateway.token();
});
afterAll(() => gateway.stop());

describe('connections', () => {
  test('a full gateway answers 503 with Retry-After', async () => {
    const small = await MemoryGateway.start({ stream: gateway.stream, gateway: { maxConnections: 1 } });
    const first = await small.client();
    expect(await refused(`${small.running.url}/v1/ws`)).toMatchObject({
      status: 503,
      headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
    });
    first.socket.close();
    await first.close();
    await small.client();
    await small.stop();
  });

  test('one user’s connections are counted, and given back', async () => {
    const small = await MemoryGateway.start({ stream: gateway.stream, gateway: { maxConnectionsPerUser: 1 } });
    const first = await small.client('alice');
    await small.client('bob');
    const second = small.track(await WireClient.open(small.ws));
    second.send({ type: 'hello', token });
    expect(await second.close()).toMatchObject({ code: 4429 });
    expect(second.frames).toMatchObject([{ type: 'error', code: 'rate_limited', retryAfter: expect.any(Number) }]);
    first.socket.close();
    await first.close();
    await small.client('alice');
    await small.stop();
  });

  test('rooms of one connection: too_many_rooms, until one is left', async () => {
    const small = await MemoryGateway.start({ stream: gateway.stream, gateway: { maxRoomsPerConnection: 2 } });
    const client = await small.client();
    await client.ask({ type: 'join', room: 'a' });
    await client.ask({ type: 'join', room: 'b' });
    expect(await client.ask({ type: 'join', room: 'c' })).toMatchObject({ code: 'too_many_rooms', room: 'c' });
    expect(await client.ask({ type: 'join', room: 'b' })).toMatchObject({ type: 'joined' });
    expect(await client.ask({ type: 'leave', room: 'a' })).toMatchObject({ type: 'left', room: 'a' });
    expect(await client.ask({ type: 'join', room: 'c' })).toMatchObject({ type: 'joined' });
    await small.stop();
  });
});

describe('connections of one address', () => {
  test('beyond the limit are refused with 429 and Retry-After, until another one has gone', async () => {
    const small = await MemoryGateway.start({ gateway: { maxConnectionsPerAddress: 2 } });
    try {
      const first = await small.client();
      await small.client('bob');
      const answer = await refused(`${small.running.url}/v1/ws`);
      expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': expect.any(String) } });
      expect(JSON.parse(answer.body)).toEqual({ code: 'rate_limited', message: expect.stringContaining('address') });
      expect((await fetch(`${small.running.url}/ready`)).status).toBe(200);
      first.socket.close();
      await first.close();
      await vi.waitFor(async () => small.track(await WireClient.open(small.ws)));
      expect((await refused(`${small.running.url}/v1/ws`)).status).toBe(429);
    } finally {
      await small.stop();
    }
  });

  test('that never came to be one do not count', async () => {
    const small = await MemoryGateway.start({ gateway: { maxConnectionsPerAddress: 1 } });
    try {
      const url = `${small.running.url}/v1/ws`;
      for (let count = 0; count < 3; count += 1) {
        expect((await refused(url, { 'Sec-WebSocket-Key': 'short' })).status).toBe(400);
      }
      await vi.waitFor(() => small.client());
    } finally {
      await small.stop();
    }
  });

  test('are not counted with a limit of 0', async () => {
    const open = await MemoryGateway.start({ gateway: { maxConnectionsPerAddress: 0 } });
    try {
      for (let count = 0; count < 5; count += 1) await open.client(`user-${count}`);
    } finally {
      await open.stop();
    }
  });
});
