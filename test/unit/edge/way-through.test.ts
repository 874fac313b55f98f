import { afterAll, beforeAll, expect, test } from 'vitest';
import { MemoryGateway } from '../../support/memory-gateway.ts';

let gateway: MemoryGateway;
beforeAll(async () => {
  gateway = await MemoryGateway.start();
});
afterAll(() => gateway.stop());

test('a publish comes back as an event to every member and as an ack to its sender', async () => {
  const alice = await gateway.client('alice');
  const bob = await gateway.client('bob');
  for (const client of [alice, bob]) {
    expect(await client.ask({ type: 'join', room: 'r' })).toMatchObject({ type: 'joined', room: 'r', seq: 0 });
    await client.next('live');
  }
  const ack = await alice.ask({ type: 'publish', room: 'r', pub: 1, event: 'say', data: { text: 'hi' } });
  expect(ack).toMatchObject({ type: 'ack', room: 'r', pub: 1, seq: 1 });
  for (const client of [alice, bob]) {
    expect(await client.next('event')).toMatchObject({
      room: 'r',
      seq: 1,
      cursor: ack.cursor,
      user: 'alice',
      session: alice.frames[0]?.session,
      pub: 1,
      event: 'say',
      data: { text: 'hi' },
    });
  }
});
