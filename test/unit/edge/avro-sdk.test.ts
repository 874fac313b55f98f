import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EphemeralEvent, Presence, RoomEvent } from '../../../client/index.ts';
import { connect, type RoomlogClient } from '../../../client/index.ts';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import { waitFor } from '../../support/wait-for.ts';

let gateway: MemoryGateway;
const clients: RoomlogClient[] = [];
beforeAll(async () => {
  gateway = await MemoryGateway.start();
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await gateway.stop();
});

/** What a member got. */
class Seen {
  readonly events: RoomEvent[] = [];
  readonly ephemeral: EphemeralEvent[] = [];
  readonly presence: Presence[] = [];
}

async function client(user: string, encoding: 'json' | 'avro'): Promise<RoomlogClient> {
  const made = connect({ url: gateway.ws, token: await gateway.token(user), encoding });
  clients.push(made);
  await made.ready();
  return made;
}

test('SDK clients of both encodings share a room, its history, its ephemeral events and its presence', async () => {
  const room = 'sdk/shared';
  const [avro, json] = [await client('ann', 'avro'), await client('jim', 'json')];
  const seen = { avro: new Seen(), json: new Seen() };
  const watch = async (name: 'avro' | 'json', member: RoomlogClient): Promise<void> => {
    const got = seen[name];
    await member.join(room, {
      presence: true,
      meta: { name },
      onEvent: (event) => got.events.push(event),
      onEphemeral: (event) => got.ephemeral.push(event),
      onPresence: (presence) => got.presence.push(presence),
    });
  };
  expect(await avro.publish(room, 'said', { before: 'é'.repeat(40) })).toMatchObject({ seq: 1, duplicate: false });
  await watch('avro', avro);
  await watch('json', json);
  expect(await avro.publish(room, 'said', [1, null])).toMatchObject({ seq: 2, duplicate: false });
  expect(await json.publish(room, 'said', { n: 2 }, { ttl: 60_000 })).toMatchObject({ seq: 3 });
  const bytes = Uint8Array.of(0, 255, 34);
  expect(await avro.publish(room, 'drawn', bytes, { contentType: 'image/png' })).toMatchObject({ seq: 4 });
  await avro.publish(room, 'typing', true, { ephemeral: true });
  await waitFor(() =>
    Object.values(seen).every(({ events, ephemeral }) => events.length === 3 && ephemeral.length === 1),
  );
  expect(seen.avro.events.map(({ seq, data }) => [seq, data])).toEqual([
    [2, [1, null]],
    [3, { n: 2 }],
    [4, bytes],
  ]);
  const inBase64 = seen.avro.events.map((event) =>
    event.contentType === undefined ? event : { ...event, data: Buffer.from(bytes).toString('base64') },
  );
  expect(seen.json.events).toEqual(inBase64);
  expect(seen.json.ephemeral).toEqual(seen.avro.ephemeral);
  await waitFor(() => seen.avro.presence.some(({ members }) => members.length === 2));
  const late = await client('late', 'avro');
  const caughtUp = await late.join(room, { last: 10 });
  const first = await caughtUp[Symbol.asyncIterator]().next();
  expect(first.value).toMatchObject({ seq: 1, data: { before: 'é'.repeat(40) } });
});

test('what is not JSON needs the Avro encoding, and bytes', async () => {
  const [avro, json] = [await client('ann', 'avro'), await client('jim', 'json')];
  const refusal = { code: 'bad_frame', details: { outcome: 'not_published' } };
  const picture = { contentType: 'image/png' };
  await expect(json.publish('sdk/bytes', 'drawn', Uint8Array.of(1), picture)).rejects.toMatchObject(refusal);
  await expect(avro.publish('sdk/bytes', 'drawn', 'text', picture)).rejects.toMatchObject(refusal);
  await expect(avro.publish('sdk/bytes', 'said', 'x'.repeat(70_000))).rejects.toMatchObject({ code: 'too_large' });
});

test('a refusal in Avro has its code and its details', async () => {
  const avro = await client('ann', 'avro');
  await expect(avro.join('')).rejects.toMatchObject({ code: 'invalid_room' });
  await expect(avro.join('sdk/x', { after: 'nonsense' })).rejects.toMatchObject({ code: 'cursor_invalid' });
});
