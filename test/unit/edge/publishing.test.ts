/** What a publisher is told, and when it is told nothing. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { mintSession } from '../../../core/sequencing/uuidv7.ts';
import { eventsOf } from '../../support/frames.ts';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import type { WireClient } from '../../support/wire-client.ts';

let gateway: MemoryGateway;
let rooms = 0;
let room = '';

beforeAll(async () => {
  gateway = await MemoryGateway.start();
});
afterEach(() => {
  gateway.stream.cluster.onAppend = undefined;
  gateway.stream.cluster.unreachable = false;
});
afterAll(() => gateway.stop());

/** A room that no other test uses. */
const newRoom = (): string => {
  rooms += 1;
  room = `room/${rooms}`;
  return room;
};
const publish = (pub?: number, data: unknown = pub ?? 'x') => ({ type: 'publish', room, pub, event: 'e', data });
/** Sends without waiting, under the number as id. */
const fire = (client: WireClient, pub: number, data?: unknown): void => client.send({ id: pub, ...publish(pub, data) });
const inbound = () => gateway.stream.topics.inbound;

async function member(user = 'reader'): Promise<WireClient> {
  const client = await gateway.client(user);
  await client.ask({ type: 'join', room, after: 'start' });
  await client.next('live');
  return client;
}

describe('an ack', () => {
  test.each([
    ['numbered', 1],
    ['unnumbered', undefined],
  ])(
    'of a %s publish is not given for a record that copies its identity, comes first and has other data',
    async (_, pub) => {
      newRoom();
      const { cluster, codec } = gateway.stream;
      const reader = await member();
      const client = await gateway.client();
      cluster.onAppend = ({ topic, batch: { partition, records } }) => {
        if (topic !== inbound()) return undefined;
        cluster.onAppend = undefined;
        const [own] = records;
        const event = codec.decodeInbound(own?.value as Buffer);
        if ('unknownSchema' in event) throw new Error('not one of ours');
        cluster.write(topic, partition, {
          key: own?.key ?? null,
          value: codec.encodeInbound({ ...event, data: Buffer.from('"forged"') }),
        });
        return undefined;
      };
      client.send({ id: 1, ...publish(pub, 'mine') });
      const answer = await client.answer(1);
      await reader.find(({ type, data }) => type === 'event' && data === 'forged');
      // Numbered, the forged one has used the number up; unnumbered, both are in the room.
      if (pub === undefined) {
        expect(answer).toMatchObject({ type: 'ack', seq: 2 });
        expect(await reader.find(({ seq }) => seq === 2)).toMatchObject({ data: 'mine' });
      } else expect(answer).toMatchObject({ type: 'error', code: 'session_in_use' });
      expect(await gateway.metrics.render()).toMatch(/^roomlog_publish_forged [12]$/m);
    },
  );

  test('names room, pub, seq and a cursor that resumes right behind the event', async () => {
    newRoom();
    const client = await gateway.client();
    const first = await client.ask(publish(1));
    await client.ask(publish(2));
    expect(first).toEqual({ type: 'ack', id: expect.any(Number), room, pub: 1, seq: 1, cursor: expect.any(String) });
    const joined = await client.ask({ type: 'join', room, after: first.cursor });
    expect(joined).toMatchObject({ recovered: true, seq: 2 });
    expect(await client.next('event')).toMatchObject({ seq: 2 });
  });

  test('without pub has a seq and no pub', async () => {
    newRoom();
    const client = await gateway.client();
    const ack = await client.ask(publish());
    expect(ack).toMatchObject({ type: 'ack', seq: 1 });
    expect(ack).not.toHaveProperty('pub');
    const event = await (await member()).next('event');
    expect(event).toMatchObject({ seq: 1, user: 'alice', data: 'x' });
    expect(event).not.toHaveProperty('pub');
    expect(event).not.toHaveProperty('session');
  });

  test('of a repeated publish says duplicate with the original seq and cursor', async () => {
    newRoom();
    const client = await gateway.client();
    const first = await client.ask(publish(1));
    await client.ask(publish(2));
    const again = await client.ask(publish(1));
    expect(again).toMatchObject({ type: 'ack', pub: 1, seq: 1, cursor: first.cursor, duplicate: true });
    const other = await gateway.client('alice', { session: client.frames[0]?.session });
    expect(await other.ask(publish(2))).toMatchObject({ seq: 2, duplicate: true });
    const reader = await member();
    expect(eventsOf(reader.frames).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('of a repeat older than the last 32 leaves seq out', async () => {
    newRoom();
    const client = await gateway.client();
    for (let pub = 1; pub <= 33; pub += 1) await client.ask(publish(pub));
    const ack = await client.ask(publish(1));
    expect(ack).toMatchObject({ type: 'ack', pub: 1, duplicate: true });
    expect(ack).not.toHaveProperty('seq');
    expect(ack).not.toHaveProperty('cursor');
  });

  test('needs no join', async () => {
    newRoom();
    const client = await gateway.client();
    expect(await client.ask(publish(1))).toMatchObject({ type: 'ack' });
    expect(client.all('event')).toEqual([]);
  });
});

test('a burst of publishes is acked and delivered in order', async () => {
  newRoom();
  const client = await gateway.client();
  const reader = await member();
  for (let pub = 1; pub <= 32; pub += 1) fire(client, pub);
  const acks = await client.count('ack', 32);
  expect(acks.map(({ seq }) => seq)).toEqual(Array.from({ length: 32 }, (_, index) => index + 1));
  await vi.waitFor(() => expect(eventsOf(reader.frames)).toHaveLength(32));
  expect(eventsOf(reader.frames).map(({ pub, seq }) => [pub, seq])).toEqual(acks.map(({ pub, seq }) => [pub, seq]));
});

describe('the data of an event is what the client wrote', () => {
  test.each([
    '12345678901234567890',
    '1e400',
    '-0.0',
    '{ "b" : 1,\n "a" : [ 1.10, 2E3 ] }',
    '"\\u00e9 \\ud83d\\ude00 \\/ \\ud800"',
    '"é😀\u2028"',
    '{"a":1,"a":2}',
    '{"__proto__":{"admin":true}}',
    'null',
    '""',
    `${'['.repeat(63)}${']'.repeat(63)}`,
  ])('%#: %s', async (data) => {
    newRoom();
    const reader = await member();
    const client = await gateway.client();
    client.send(`{"data":0,"type":"publish","id":1,"room":"${room}","event":"e", "data" : ${data} }`);
    expect(await client.answer(1)).toMatchObject({ type: 'ack' });
    await reader.next('event');
    const text = reader.texts.find((frame) => frame.includes('"type":"event"')) ?? '';
    expect(text.endsWith(`"data":${data}}`)).toBe(true);
  });

  test('and one that ends the frame early is a bad frame', async () => {
    newRoom();
    const client = await gateway.client();
    client.send(`{"type":"publish","id":1,"room":"${room}","event":"e","data":1},"user":"root","x":{"y":1}}`);
    expect(await client.next('error')).toMatchObject({ code: 'bad_frame' });
  });
});

describe('a refusal', () => {
  test('out_of_order says which number is expected', async () => {
    newRoom();
    const client = await gateway.client();
    await client.ask(publish(1));
    expect(await client.ask(publish(3))).toMatchObject({ type: 'error', code: 'out_of_order', expected: 2, room });
    expect(await client.ask(publish(2))).toMatchObject({ type: 'ack', seq: 2 });
  });

  test('session_unknown for a session that does not begin with 1', async () => {
    newRoom();
    const client = await gateway.client();
    expect(await client.ask(publish(2))).toMatchObject({ code: 'session_unknown' });
  });

  test('session_unknown for a session older than its age', async () => {
    newRoom();
    const session = mintSession(Date.now() - 86_500_000, (bytes) => new Uint8Array(bytes));
    const client = await gateway.client('alice', { session });
    expect(client.frames[0]?.session).toBe(session);
    expect(await client.ask(publish(1))).toMatchObject({ code: 'session_unknown' });
  });

  test('session_in_use where two tabs share a session', async () => {
    newRoom();
    const first = await gateway.client();
    const second = await gateway.client('alice', { session: first.frames[0]?.session });
    expect(await first.ask(publish(1, 'mine'))).toMatchObject({ type: 'ack' });
    expect(await second.ask(publish(1, 'other'))).toMatchObject({ code: 'session_in_use' });
  });

  test('another user’s use of a session is another session', async () => {
    newRoom();
    const alice = await gateway.client('alice');
    const mallory = await gateway.client('mallory', { session: alice.frames[0]?.session });
    expect(await alice.ask(publish(1, 'a'))).toMatchObject({ type: 'ack', seq: 1 });
    const ack = await mallory.ask(publish(1, 'a'));
    expect(ack).toMatchObject({ type: 'ack', seq: 2 });
    expect(ack).not.toHaveProperty('duplicate');
  });

  test('forbidden without the right, and the number stays free', async () => {
    newRoom();
    const token = await gateway.token('alice', { rooms: [{ pattern: room, allow: ['join'] }] });
    const client = await gateway.client();
    const reader = await gateway.client('reader', { token });
    expect(await reader.ask({ type: 'join', room })).toMatchObject({ type: 'joined' });
    expect(await reader.ask(publish(1))).toMatchObject({ code: 'forbidden', room });
    expect(await reader.ask({ type: 'join', room: 'elsewhere' })).toMatchObject({ code: 'forbidden' });
    expect(await reader.ask({ type: 'presence', room: 'elsewhere' })).toMatchObject({ code: 'forbidden' });
    expect(await client.ask(publish(1))).toMatchObject({ seq: 1 });
  });

  test('rate_limited beyond 32 numbered publishes without an answer', async () => {
    newRoom();
    const client = await gateway.client();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    gateway.stream.cluster.onAppend = ({ topic }) => (topic === inbound() ? { hold: held } : undefined);
    for (let pub = 1; pub <= 40; pub += 1) fire(client, pub);
    const errors = await client.count('error', 8);
    expect(errors.map(({ id }) => id)).toEqual([33, 34, 35, 36, 37, 38, 39, 40]);
    expect(errors[0]).toMatchObject({ code: 'rate_limited', retryAfter: expect.any(Number), room });
    release();
    await client.count('ack', 32);
    expect(await client.ask(publish(33))).toMatchObject({ type: 'ack', seq: 33 });
  });
});

test('an answer that belongs to another publisher never crosses', async () => {
  newRoom();
  const alice = await gateway.client('alice');
  let origin: Uint8Array | null = null;
  gateway.stream.cluster.onAppend = ({ topic, batch }) => {
    if (topic !== inbound() || origin !== null) return undefined;
    const event = gateway.stream.codec.decodeInbound(batch.records[0]?.value as Buffer);
    if ('room' in event) origin = event.origin;
    return 'not_appended';
  };
  fire(alice, 1, 'real');
  await vi.waitFor(() => expect(origin).not.toBeNull());
  // A Kafka producer that copies the origin under its own name.
  const event = { user: 'mallory', event: 'e', data: Buffer.from('"forged"'), session: null, pub: null, key: null };
  const forged = { ...event, room, origin, contentType: null, expiresAt: null, traceparent: null };
  gateway.stream.publish(forged as unknown as Parameters<typeof gateway.stream.publish>[0]);
  expect(await alice.answer(1)).toMatchObject({ type: 'ack', pub: 1 });
  const reader = await member();
  const real = eventsOf(reader.frames).find(({ data }) => data === 'real');
  expect(alice.frames.find(({ id }) => id === 1)?.seq).toBe(real?.seq);
});

describe('when Kafka fails', () => {
  test.each(['request_lost', 'response_lost', 'not_appended'] as const)(
    'by %s, publishes are sent again in order, and appear once',
    async (fault) => {
      newRoom();
      const client = await gateway.client();
      const reader = await member();
      let faults = 0;
      gateway.stream.cluster.onAppend = ({ topic }) => {
        if (topic !== inbound() || faults >= 3) return undefined;
        faults += 1;
        return fault;
      };
      for (let pub = 1; pub <= 20; pub += 1) fire(client, pub);
      await client.count('ack', 20);
      // What stands in the log is answered when it is read, maybe before it is sent again.
      if (fault === 'response_lost') expect(faults).toBeGreaterThan(0);
      else expect(faults).toBe(3);
      await vi.waitFor(() => expect(eventsOf(reader.frames)).toHaveLength(20));
      expect(eventsOf(reader.frames).map(({ pub }) => pub)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1));
    },
  );

  test('by refusing, the client is told unavailable, and the number is free', async () => {
    newRoom();
    const client = await gateway.client();
    gateway.stream.cluster.onAppend = ({ topic }) => (topic === inbound() ? 'refused' : undefined);
    expect(await client.ask(publish(1, 'a'))).toMatchObject({ code: 'unavailable', retryAfter: expect.any(Number) });
    gateway.stream.cluster.onAppend = undefined;
    expect(await client.ask(publish(1, 'b'))).toMatchObject({ type: 'ack', seq: 1 });
  });
});
