import { Buffer } from 'node:buffer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeClientFrame } from '../../support/avro-frames.ts';
import { eventsOf } from '../../support/frames.ts';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import { AVRO, type Frame, WireClient } from '../../support/wire-client.ts';

let gateway: MemoryGateway;
beforeAll(async () => {
  gateway = await MemoryGateway.start({ gateway: { compression: true, compressionMinBytes: 200 } });
});
afterAll(() => gateway.stop());

const avro = (user = 'alice', hello: object = {}): Promise<WireClient> => gateway.client(user, hello, [AVRO]);
let rooms = 0;
const newRoom = (): string => `avro/${++rooms}`;

async function join(client: WireClient, room: string, more: object = {}): Promise<Frame> {
  const joined = await client.ask({ type: 'join', room, ...more });
  await client.find(({ type, room: of }) => type === 'live' && of === room);
  return joined;
}

describe('members of one room', () => {
  test('get the same events in every form: plain, batched, compressed, in JSON and in Avro', async () => {
    const room = newRoom();
    const members = await Promise.all(
      [[], [AVRO]].flatMap((protocols) =>
        [false, true].flatMap((batch) =>
          [false, true].map(async (perMessageDeflate) => {
            const client = gateway.track(await WireClient.open(gateway.ws, protocols, { perMessageDeflate }));
            client.send({ type: 'hello', token: await gateway.token('bob'), batch });
            await client.next('welcome');
            await join(client, room);
            return client;
          }),
        ),
      ),
    );
    const json = await gateway.client();
    const other = await avro();
    const data = { text: 'the same again '.repeat(30), number: 1 };
    for (let pub = 1; pub <= 10; pub += 1) {
      const frame = { type: 'publish', room, pub, event: 'said', data: { ...data, number: pub } };
      expect(await json.ask(frame)).toMatchObject({ type: 'ack', pub });
      expect(await other.ask(frame)).toMatchObject({ type: 'ack', pub });
    }
    const seen = await Promise.all(
      members.map(async (client) => {
        await client.find((frame) => eventsOf([frame]).some(({ seq }) => seq === 20));
        return eventsOf(client.frames).map(({ type: _, ...event }) => event);
      }),
    );
    expect(seen[0]).toHaveLength(20);
    expect(seen[0]?.[7]).toMatchObject({ seq: 8, event: 'said', data: { number: 4 } });
    for (const events of seen) expect(events).toEqual(seen[0]);
  });

  test('catch up in Avro from a cursor, the newest, or the start', async () => {
    const room = newRoom();
    const client = await avro();
    for (let pub = 1; pub <= 5; pub += 1) await client.ask({ type: 'publish', room, pub, event: 'e', data: pub });
    const seqsOf = async (start: object): Promise<unknown[]> => {
      const member = await avro('carol', { batch: true });
      await join(member, room, start);
      return eventsOf(member.frames).map(({ seq }) => seq);
    };
    expect(await seqsOf({ last: 2 })).toEqual([4, 5]);
    expect(await seqsOf({ after: 'start' })).toEqual([1, 2, 3, 4, 5]);
    const third = (client.all('ack')[2] as Frame).cursor;
    expect(await seqsOf({ after: third })).toEqual([4, 5]);
  });

  test('see ephemeral events and presence in their own encoding', async () => {
    const room = newRoom();
    const [json, binary] = [await gateway.client('jim'), await avro('ann')];
    await join(json, room, { presence: true, meta: { on: 'json' } });
    expect(await join(binary, room, { presence: true, meta: { on: 'avro' } })).toMatchObject({
      members: [
        { user: 'jim', meta: { on: 'json' } },
        { user: 'ann', meta: { on: 'avro' } },
      ],
    });
    expect(await binary.ask({ type: 'presence', room })).toMatchObject({ type: 'members', count: 2 });
    expect(await json.next('presence')).toMatchObject({ room, joined: [{ user: 'ann', meta: { on: 'avro' } }] });
    const publish = { type: 'publish', room, event: 'typing', data: { n: [1] }, ephemeral: true };
    for (const client of [json, binary]) expect(await client.ask(publish)).toMatchObject({ type: 'ack' });
    for (const client of [json, binary]) {
      const events = await client.count('event', 2);
      expect(events.map(({ user, data, seq }) => [user, data, seq])).toEqual([
        ['jim', { n: [1] }, undefined],
        ['ann', { n: [1] }, undefined],
      ]);
    }
    json.socket.close();
    const diff = await binary.find(({ type, left }) => type === 'presence' && (left as []).length > 0);
    expect(diff).toMatchObject({ left: [{ user: 'jim' }] });
  });
});

describe('a publish in Avro', () => {
  test('may carry bytes of another type: untouched to Avro members, in base64 to JSON members, stored or not', async () => {
    const room = newRoom();
    const [json, binary] = [await gateway.client('jim'), await avro('ann')];
    for (const client of [json, binary]) await join(client, room);
    const data = Buffer.from([0, 255, 0x22, 0x7d, 10]);
    const frame = { type: 'publish', room, event: 'picture', contentType: 'image/png', data };
    expect(await binary.ask({ ...frame, pub: 1 })).toMatchObject({ type: 'ack', seq: 1 });
    expect(await binary.ask({ ...frame, ephemeral: true })).toMatchObject({ type: 'ack' });
    for (const event of await binary.count('event', 2)) expect(event).toMatchObject({ contentType: 'image/png', data });
    for (const event of await json.count('event', 2)) {
      expect(event).toMatchObject({ contentType: 'image/png', data: data.toString('base64') });
    }
  });

  test('keeps the meaning of session and pub, also when it is repeated in JSON', async () => {
    const room = newRoom();
    const binary = await avro();
    const session = binary.frames[0]?.session as string;
    const publish = { type: 'publish', room, pub: 1, event: 'e', data: { a: 1 } };
    const first = await binary.ask(publish);
    expect(await binary.ask(publish)).toMatchObject({ duplicate: true, seq: 1, cursor: first.cursor });
    const json = await gateway.client('alice', { session });
    expect(await json.ask(publish)).toMatchObject({ duplicate: true, seq: 1, cursor: first.cursor });
    expect(await binary.ask({ ...publish, data: { a: 2 } })).toMatchObject({ code: 'session_in_use' });
    expect(await binary.ask({ ...publish, pub: 3 })).toMatchObject({ code: 'out_of_order', expected: 2 });
  });

  test('can not break out of a JSON member’s frame', async () => {
    const room = newRoom();
    const [json, binary] = [await gateway.client('jim'), await avro('ann')];
    await join(json, room);
    const data = Buffer.from('1},{"type":"event","room":"bank"');
    const refused = await binary.ask({ type: 'publish', room, pub: 1, event: 'e', data });
    expect(refused).toMatchObject({ type: 'error', code: 'bad_frame', path: 'data' });
    await binary.ask({ type: 'publish', room, pub: 1, event: 'e', data: 'honest' });
    expect(await json.next('event')).toMatchObject({ seq: 1, data: 'honest' });
  });
});

describe('on an Avro connection', () => {
  test('every command has its one answer', async () => {
    const room = newRoom();
    const hello = {
      rooms: [
        { id: 1, room },
        { id: 2, room: '' },
      ].map((join) => ({ presence: false, ...join })),
    };
    const client = await avro('alice', hello);
    expect(await client.answer(1)).toMatchObject({ type: 'joined', room, seq: 0, recovered: false });
    expect(await client.answer(2)).toMatchObject({ type: 'error', code: 'invalid_room' });
    expect(client.frames[0]).toMatchObject({ user: 'alice', heartbeat: 30_000, maxFrame: 65_536 });
    expect(await client.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
    expect(await client.ask({ type: 'leave', room })).toMatchObject({ type: 'left', room });
    expect(await client.ask({ type: 'join', room: 'r', after: 'x' })).toMatchObject({ code: 'cursor_invalid' });
    for (const rest of [
      { type: 'refresh', token: 't' },
      { type: 'signal', user: 'u', event: 'e', data: 1 },
    ]) {
      expect(await client.ask(rest)).toMatchObject({ type: 'error', code: 'unavailable', retryAfter: 1_000 });
    }
  });

  test('bad frames are told, and the tenth ends it with 1008', async () => {
    const client = await avro();
    client.send(encodeClientFrame({ type: 'leave', id: 77, room: 'r' }).subarray(0, 4));
    expect(await client.next('error')).toMatchObject({ code: 'bad_frame', id: 77, path: 'room' });
    for (let count = 1; count < 10; count += 1) client.send(Buffer.from([count * 50]));
    expect(await client.close()).toMatchObject({ code: 1008 });
  });

  test('an error is told when the array of rooms says that it is huge, and nobody waits for it', async () => {
    const client = gateway.track(await WireClient.open(gateway.ws, [AVRO]));
    client.send(Buffer.from('00000000feffffffffff7f', 'hex'));
    expect(await client.close()).toMatchObject({ code: 1008 });
    expect(await (await avro()).ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  test('a text frame closes with 1003, before and after hello, as a binary one does on JSON', async () => {
    const early = gateway.track(await WireClient.open(gateway.ws, [AVRO]));
    early.send('{"type":"hello"}');
    expect(await early.close()).toMatchObject({ code: 1003 });
    const late = await avro();
    late.send('{"type":"ping","id":1}');
    expect(await late.close()).toMatchObject({ code: 1003 });
    const json = await gateway.client();
    json.send(encodeClientFrame({ type: 'ping', id: 1 }));
    expect(await json.close()).toMatchObject({ code: 1003 });
  });

  test('a frame over maxFrame closes with 1009, and a bad token with 4401 after its error', async () => {
    const client = await avro();
    client.send(Buffer.alloc(65_537));
    expect(await client.close()).toMatchObject({ code: 1009 });
    const stranger = gateway.track(await WireClient.open(gateway.ws, [AVRO]));
    stranger.send({ type: 'hello', token: 'x' });
    expect(await stranger.close()).toMatchObject({ code: 4401 });
    expect(stranger.frames).toMatchObject([{ type: 'error', code: 'unauthorized' }]);
  });
});
