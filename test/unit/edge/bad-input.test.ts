/** Every row of "Bad input" in docs/protocol.md, against real sockets. Beside each misuse a bystander must not notice anything. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { roomId } from '../../../core/ids.ts';
import { partitionOf } from '../../../core/log/partition.ts';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import { WireClient } from '../../support/wire-client.ts';

const MAX_LAST = 1_000;
let gateway: MemoryGateway;
let bystander: WireClient;
let token: string;

beforeAll(async () => {
  gateway = await MemoryGateway.start();
  token = await gateway.token();
  bystander = await gateway.client('bystander');
});
afterEach(async () => {
  expect(await bystander.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
});
afterAll(() => gateway.stop());

const open = async (): Promise<WireClient> => gateway.track(await WireClient.open(gateway.ws));
const publish = { type: 'publish', id: 7, room: 'r', event: 'e', data: 1 };
const join = { type: 'join', id: 7, room: 'r' };

describe('a bad frame is answered and the connection stays open', () => {
  test.each<[string, string | object, string | undefined, number | undefined]>([
    ['bad JSON', '{"type":', undefined, undefined],
    ['no JSON at all', 'hello', undefined, undefined],
    ['a byte order mark', '\ufeff{"type":"ping","id":7}', undefined, undefined],
    ['an array', '[{"type":"ping","id":7}]', undefined, undefined],
    ['null', 'null', undefined, undefined],
    ['a string', '"ping"', undefined, undefined],
    ['an empty frame', '', undefined, undefined],
    ['nothing but a depth of brackets', '['.repeat(60_000), undefined, undefined],
    [
      'an object that nests deeper than 64',
      `{"id":7,"type":"ping","x":${'['.repeat(64)}${']'.repeat(64)}}`,
      undefined,
      7,
    ],
    ['no type', { id: 7 }, 'type', 7],
    ['an unknown type', { type: 'dance', id: 7 }, 'type', 7],
    ['a type of Object.prototype', { type: 'constructor', id: 7 }, 'type', 7],
    ['a type that is no string', { type: 1, id: 7 }, 'type', 7],
    ['its type in __proto__ only', '{"__proto__":{"type":"ping"},"id":7}', 'type', 7],
    ['no id', { type: 'ping' }, 'id', undefined],
    ['an id that is a string', { type: 'ping', id: '7' }, 'id', undefined],
    ['an id that is a fraction', { type: 'ping', id: 7.5 }, 'id', undefined],
    ['an id beyond 2^53', '{"type":"ping","id":9007199254740993}', 'id', undefined],
    ['an id that is null', { type: 'ping', id: null }, 'id', undefined],
    ['join without room', { ...join, room: undefined }, 'room', 7],
    ['join with a room that is no string', { ...join, room: 5 }, 'room', 7],
    ['after and last', { ...join, after: 'start', last: 5 }, 'after', 7],
    ['last and since', { ...join, last: 5, since: 5 }, 'after', 7],
    ['after and since', { ...join, after: 'x', since: 5 }, 'after', 7],
    ['after that is no string', { ...join, after: 5 }, 'after', 7],
    ['last 0', { ...join, last: 0 }, 'last', 7],
    ['last beyond its limit', { ...join, last: MAX_LAST + 1 }, 'last', 7],
    ['last that is a string', { ...join, last: '5' }, 'last', 7],
    ['since that is negative', { ...join, since: -1 }, 'since', 7],
    ['since that is a date', { ...join, since: '2026-01-01' }, 'since', 7],
    ['presence that is no boolean', { ...join, presence: 'yes' }, 'presence', 7],
    ['meta over 1 KiB', { ...join, presence: true, meta: 'x'.repeat(1_023) }, 'meta', 7],
    ['leave without room', { type: 'leave', id: 7 }, 'room', 7],
    ['presence without room', { type: 'presence', id: 7 }, 'room', 7],
    ['meta for a room that was not joined', { type: 'presence', id: 7, room: 'r', meta: 1 }, 'meta', 7],
    ['publish without room', { ...publish, room: undefined }, 'room', 7],
    ['publish without event', { ...publish, event: undefined }, 'event', 7],
    ['an event that is no string', { ...publish, event: {} }, 'event', 7],
    ['an empty event name', { ...publish, event: '' }, 'event', 7],
    ['an event name of more than 200 bytes', { ...publish, event: 'é'.repeat(101) }, 'event', 7],
    ['an event name with a control character', { ...publish, event: 'a\u0000b' }, 'event', 7],
    ['an event name that is no text', '{"type":"publish","id":7,"room":"r","event":"\\ud800","data":1}', 'event', 7],
    ['publish without data', { ...publish, data: undefined }, 'data', 7],
    ['data in __proto__ only', '{"type":"publish","id":7,"room":"r","event":"e","__proto__":{"data":1}}', 'data', 7],
    ['pub 0', { ...publish, pub: 0 }, 'pub', 7],
    ['a negative pub', { ...publish, pub: -1 }, 'pub', 7],
    ['a fraction as pub', { ...publish, pub: 1.5 }, 'pub', 7],
    ['a string as pub', { ...publish, pub: '1' }, 'pub', 7],
    ['null as pub', { ...publish, pub: null }, 'pub', 7],
    ['a pub beyond 2^53', '{"type":"publish","id":7,"room":"r","event":"e","data":1,"pub":1e300}', 'pub', 7],
    ['ttl 0', { ...publish, ttl: 0 }, 'ttl', 7],
    ['a ttl that is no number', { ...publish, ttl: '1s' }, 'ttl', 7],
    ['ephemeral that is no boolean', { ...publish, ephemeral: 1 }, 'ephemeral', 7],
  ])('%s', async (_, frame, path, id) => {
    const client = await gateway.client();
    client.send(frame);
    const error = await client.next('error');
    expect(error).toMatchObject({ type: 'error', code: 'bad_frame', message: expect.any(String) });
    expect(error.path).toBe(path);
    expect(error.id).toBe(id);
    expect(await client.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
    client.socket.close();
  });

  test('an id that is still in flight', async () => {
    const client = await gateway.client();
    client.send({ ...publish, id: 3 });
    client.send({ type: 'ping', id: 3 });
    expect(await client.next('error')).toMatchObject({ code: 'bad_frame', id: 3, path: 'id' });
    expect(await client.next('ack')).toMatchObject({ id: 3 });
    expect(await client.ask({ type: 'ping', id: 3 })).toBeDefined();
  });

  test('but not one that nests 64 deep', async () => {
    const client = await gateway.client();
    client.send(`{"type":"publish","id":7,"room":"r","event":"e","data":${'['.repeat(63)}${']'.repeat(63)}}`);
    expect(await client.answer(7)).toMatchObject({ type: 'ack' });
  });
});

test('the tenth bad frame within a minute closes with 1008, after its answer', async () => {
  const client = await gateway.client();
  for (let number = 1; number <= 9; number += 1) client.send('x');
  await client.count('error', 9);
  expect(await client.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
  client.send('x');
  expect(await client.close()).toMatchObject({ code: 1008 });
  expect(client.all('error')).toHaveLength(10);
});

describe('before hello', () => {
  test.each<[string, string | object]>([
    ['a ping', { type: 'ping', id: 1 }],
    ['a join', join],
    ['a publish', publish],
    ['bad JSON', '{'],
    ['an unknown type', { type: 'dance' }],
    ['an array', '[]'],
  ])('%s closes with 1008', async (_, frame) => {
    const client = await open();
    client.send(frame);
    expect(await client.close()).toMatchObject({ code: 1008 });
    expect(client.frames).toEqual([]);
  });

  test.each<[string, object, string]>([
    ['token', { token: 5 }, 'token'],
    ['session', { session: 'mine' }, 'session'],
    ['session in capitals', { session: '0198C0DE-0000-7000-8000-000000000001' }, 'session'],
    ['batch', { batch: 'yes' }, 'batch'],
    ['rooms', { rooms: { room: 'r' } }, 'rooms'],
  ])('a hello with a wrong %s is a bad frame, and may be said again', async (_, wrong, path) => {
    const client = await open();
    client.send({ type: 'hello', token, ...wrong });
    expect(await client.next('error')).toMatchObject({ code: 'bad_frame', path });
    client.send({ type: 'hello', token });
    await client.next('welcome');
  });
});

test('a second hello closes with 1008', async () => {
  const client = await gateway.client();
  client.send({ type: 'hello', token });
  expect(await client.close()).toMatchObject({ code: 1008 });
});

test('a second hello right behind the first closes with 1008', async () => {
  const client = await open();
  client.send({ type: 'hello', token });
  client.send({ type: 'hello', token });
  expect(await client.close()).toMatchObject({ code: 1008 });
});

test('a binary frame closes with 1003, also before hello', async () => {
  for (const client of [await open(), await gateway.client()]) {
    client.send(Buffer.from(JSON.stringify({ type: 'ping', id: 1 })));
    expect(await client.close()).toMatchObject({ code: 1003 });
  }
});

test('a frame over maxFrame closes with 1009; one of exactly that size is served', async () => {
  const client = await gateway.client();
  const maxFrame = client.frames[0]?.maxFrame as number;
  expect(maxFrame).toBe(65_536);
  const frame = (size: number): string => {
    const empty = JSON.stringify({ ...publish, data: '' });
    return JSON.stringify({ ...publish, data: 'x'.repeat(size - empty.length) });
  };
  client.send(frame(maxFrame));
  expect(await client.answer(7)).toMatchObject({ type: 'ack' });
  client.send(frame(maxFrame + 1));
  expect(await client.close()).toMatchObject({ code: 1009 });
});

test('fragments that are too large together close with 1009', async () => {
  const client = await gateway.client();
  for (let part = 0; part < 3; part += 1) client.socket.send('x'.repeat(30_000), { fin: false });
  expect(await client.close()).toMatchObject({ code: 1009 });
});

test('text that is not UTF-8 closes with 1007', async () => {
  const client = await gateway.client();
  client.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
  expect(await client.close()).toMatchObject({ code: 1007 });
});

/** Another room of the same partition. */
function roomBeside(room: string): string {
  const { partitions } = gateway.stream;
  const wanted = partitionOf(roomId(room), partitions);
  const names = Array.from({ length: 1_000 }, (_, number) => `beside/${number}`);
  return names.find((name) => partitionOf(roomId(name), partitions) === wanted) ?? '';
}

describe('a cursor that is none', () => {
  test.each(['x', '', '!!!!', 'AAAAAAAAAAAAAAAA', 'a'.repeat(500)])('%j is cursor_invalid', async (after) => {
    const client = await gateway.client();
    expect(await client.ask({ type: 'join', room: 'r', after })).toMatchObject({
      type: 'error',
      code: 'cursor_invalid',
      room: 'r',
    });
    expect(await client.ask({ type: 'join', room: 'r' })).toMatchObject({ type: 'joined' });
  });

  test('one of another room is cursor_invalid', async () => {
    const other = roomBeside('mine');
    const client = await gateway.client();
    await client.ask({ type: 'publish', room: 'mine', event: 'e', data: 1 });
    await client.ask({ type: 'publish', room: other, event: 'e', data: 1 });
    const { cursor } = await client.ask({ type: 'publish', room: other, event: 'e', data: 2 });
    expect(await client.ask({ type: 'join', room: other, after: cursor })).toMatchObject({ type: 'joined' });
    expect(await client.ask({ type: 'join', room: 'mine', after: cursor })).toMatchObject({ code: 'cursor_invalid' });
  });
});

describe('a token that is no good closes with 4401', () => {
  test.each<[string, () => Promise<object>]>([
    ['missing', async () => ({})],
    ['empty', async () => ({ token: '' })],
    ['garbage', async () => ({ token: 'abc' })],
    ['expired', async () => ({ token: await gateway.token('alice', { nowMs: Date.now() - 3_600_000 }) })],
  ])('%s', async (_, hello) => {
    const client = await open();
    client.send({ type: 'hello', ...(await hello()) });
    expect(await client.close()).toMatchObject({ code: 4401 });
    expect(client.frames).toMatchObject([{ type: 'error', code: 'unauthorized' }]);
  });

  test('expired while open', async () => {
    const strict = await MemoryGateway.start({ auth: { clockToleranceMs: 0 }, stream: gateway.stream });
    const short = await strict.token('alice', { ttlMs: 1_000, nowMs: Math.floor(Date.now() / 1000) * 1000 });
    const client = strict.track(await WireClient.hello(strict.ws, short));
    expect(await client.close()).toMatchObject({ code: 4401 });
    expect(client.all('error')).toMatchObject([{ code: 'unauthorized' }]);
    expect(Date.now()).toBeGreaterThanOrEqual(client.frames[0]?.expires as number);
    await strict.stop();
  });
});

test.each(['signal', 'refresh'])('%s is not served yet: error unavailable', async (type) => {
  const client = await gateway.client();
  expect(await client.ask({ type, user: 'bob', event: 'e', data: 1, token })).toMatchObject({
    type: 'error',
    code: 'unavailable',
  });
});

test('unknown fields are ignored', async () => {
  const client = await gateway.client('alice', { colour: 'green', rooms: [{ id: 1, room: 'r', size: 3 }] });
  expect(await client.answer(1)).toMatchObject({ type: 'joined' });
  expect(await client.ask({ type: 'ping', extra: [1] })).toMatchObject({ type: 'pong' });
});

test.each(['', 'x'.repeat(201), 'é'.repeat(101), 'a\nb', 'a\u007fb'])('room %j is invalid_room', async (room) => {
  const client = await gateway.client();
  for (const type of ['join', 'leave', 'presence']) {
    expect(await client.ask({ type, room })).toMatchObject({ code: 'invalid_room' });
  }
  expect(await client.ask({ ...publish, id: 9, room })).toMatchObject({ code: 'invalid_room' });
});

test('a room name of 200 bytes, of any characters, works', async () => {
  const client = await gateway.client();
  for (const room of ['é'.repeat(100), 'a/b c?%#"\\😀', '.']) {
    expect(await client.ask({ type: 'join', room })).toMatchObject({ type: 'joined', room });
    expect(await client.ask({ ...publish, id: 9, room })).toMatchObject({ type: 'ack', room });
    client.frames.length = 0;
  }
});
