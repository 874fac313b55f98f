import { Buffer } from 'node:buffer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Partition } from '../../../core/ids.ts';
import type { InboundEvent } from '../../../core/log/record.ts';
import { AVRO_PAYLOAD, PayloadSchema } from '../../../schemas/payload-schema.ts';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import { inboundEvent } from '../../support/memory-stream.ts';
import { AVRO, type WireClient } from '../../support/wire-client.ts';

const FIELDS = [
  { name: 'sku', type: 'string' },
  { name: 'price', type: 'double' },
];
const schemaOf = (...more: object[]): object => ({ type: 'record', name: 'Order', fields: [...FIELDS, ...more] });
const V1 = new PayloadSchema(101, JSON.stringify(schemaOf()));
const NOTE = { name: 'note', type: ['null', 'string'], default: null };

let gateway: MemoryGateway;
beforeAll(async () => {
  // A long time between looks: what is learnt is learnt because it is needed.
  const registry = { boundEvents: ['ordered=orders', 'lost=nowhere', 'evolved=evolving'], refreshMs: 3_600_000 };
  gateway = await MemoryGateway.start({ registry });
  gateway.stream.registry.register('orders', V1.id, schemaOf());
});
afterAll(() => gateway.stop());

let rooms = 0;
const newRoom = (): string => `bound/${++rooms}`;
const avro = (user = 'ann'): Promise<WireClient> => gateway.client(user, {}, [AVRO]);

async function joined(client: WireClient, room: string): Promise<WireClient> {
  await client.ask({ type: 'join', room });
  await client.find(({ type, room: of }) => type === 'live' && of === room);
  return client;
}

/** Asks until the gateway has looked at the registry. */
async function asked(client: WireClient, frame: object): Promise<Record<string, unknown>> {
  for (;;) {
    const answer = await client.ask(frame);
    if (answer.code !== 'unavailable') return answer;
    await new Promise((resolve) => setTimeout(resolve, (answer.retryAfter as number) / 10));
  }
}

/** What stands in inbound of a room. */
function inbound(room: string): InboundEvent[] {
  const { cluster, topics, partitions, codec } = gateway.stream;
  const records = Array.from({ length: partitions }, (_, number) =>
    cluster.records(topics.inbound, number as Partition),
  ).flat();
  return records
    .map(({ value }) => codec.decodeInbound(value as Buffer) as InboundEvent)
    .filter((event) => event.room === room);
}

describe('an event whose name is bound to a subject', () => {
  test('is JSON for JSON clients and Avro in the log, whoever published it', async () => {
    const room = newRoom();
    const json = await joined(await gateway.client('jim'), room);
    const binary = await joined(await avro(), room);
    const data = { sku: 'a', price: 1.5 };
    const encoded = V1.encode(data);
    expect(await asked(json, { type: 'publish', room, pub: 1, event: 'ordered', data })).toMatchObject({ seq: 1 });
    const frame = { type: 'publish', room, pub: 1, event: 'ordered' };
    expect(await binary.ask({ ...frame, data })).toMatchObject({ seq: 2 });
    expect(await binary.ask({ ...frame, pub: 2, contentType: AVRO_PAYLOAD, data: encoded })).toMatchObject({ seq: 3 });
    expect(await json.ask({ ...frame, ephemeral: true, data })).toMatchObject({ type: 'ack' });
    for (const event of await json.count('event', 4)) {
      expect(event).toMatchObject({ event: 'ordered', data });
      expect(event).not.toHaveProperty('contentType');
    }
    for (const event of await binary.count('event', 4)) {
      expect(event).toMatchObject({ contentType: AVRO_PAYLOAD, data: encoded });
    }
    const stored = inbound(room).map(({ contentType, data: bytes }) => [contentType, Buffer.from(bytes)]);
    expect(stored).toEqual(Array(3).fill([AVRO_PAYLOAD, encoded]));
    const late = await gateway.client('late');
    await late.ask({ type: 'join', room, after: 'start' });
    expect((await late.count('event', 3)).map((event) => event.data)).toEqual([data, data, data]);
  });

  test('is refused for good where the data does not fit, with the field’s path; nothing is produced', async () => {
    const room = newRoom();
    const client = await gateway.client();
    const publish = (data: unknown, more: object = {}): Promise<unknown> =>
      asked(client, { type: 'publish', room, pub: 1, event: 'ordered', data, ...more });
    const refusal = { type: 'error', code: 'schema_rejected', room };
    expect(await publish({ sku: 'a' })).toMatchObject({ ...refusal, path: 'data.price' });
    expect(await publish({ sku: 'a', price: '1' })).toMatchObject({ ...refusal, path: 'data.price' });
    expect(await publish({ sku: 'a', price: 1, extra: 1 })).toMatchObject({ ...refusal, path: 'data.extra' });
    expect(await publish('a', { ephemeral: true })).toMatchObject({ ...refusal, path: 'data' });
    expect(inbound(room)).toEqual([]);
    expect(await publish({ sku: 'a', price: 1 })).toMatchObject({ type: 'ack', seq: 1 });
  });

  test('in Avro is refused where the bytes are not those of a schema of the subject', async () => {
    const room = newRoom();
    const client = await avro();
    const good = V1.encode({ sku: 'a', price: 1 });
    const publish = (data: Buffer, contentType = AVRO_PAYLOAD): Promise<unknown> =>
      asked(client, { type: 'publish', room, pub: 1, event: 'ordered', contentType, data });
    const refusal = { type: 'error', code: 'schema_rejected', path: 'data' };
    expect(await publish(good.subarray(0, 8))).toMatchObject(refusal);
    expect(await publish(Buffer.concat([good, Buffer.alloc(1)]))).toMatchObject(refusal);
    expect(await publish(Buffer.from('{}'))).toMatchObject(refusal);
    expect(await publish(Buffer.alloc(0))).toMatchObject(refusal);
    gateway.stream.registry.schemas.set(555, '"string"');
    expect(await publish(new PayloadSchema(555, '"string"').encode('of another subject'))).toMatchObject(refusal);
    expect(await publish(good, 'image/png')).toMatchObject({ ...refusal, path: 'contentType' });
    expect(inbound(room)).toEqual([]);
    expect(await publish(good)).toMatchObject({ type: 'ack', seq: 1 });
  });

  test('keeps every digit of a whole number', async () => {
    gateway.stream.registry.register('evolving', 201, {
      type: 'record',
      name: 'E',
      fields: [{ name: 'n', type: 'long' }],
    });
    const room = newRoom();
    const client = await joined(await gateway.client(), room);
    await asked(client, { type: 'publish', room, event: 'evolved', data: { n: 1 } });
    client.send(`{"type":"publish","id":1,"room":"${room}","event":"evolved","data":{"n":9223372036854775807}}`);
    await client.count('event', 2);
    expect(client.texts.at(-1)).toMatch(/"data":\{"n":9223372036854775807\}/);
  });

  test('is recognised when it is sent again after its schema has a new version, and not when it is another', async () => {
    const { registry } = gateway.stream;
    const room = newRoom();
    const client = await gateway.client();
    const data = { sku: 'again', price: 1 };
    const publish = { type: 'publish', room, pub: 1, event: 'ordered', data };
    expect(await asked(client, publish)).toMatchObject({ type: 'ack', seq: 1 });
    registry.register('orders', 102, schemaOf(NOTE));
    // The gateway learns of the new version because an Avro client uses it.
    const other = await avro();
    const v2 = new PayloadSchema(102, JSON.stringify(schemaOf(NOTE)));
    const newer = { type: 'publish', room, pub: 1, event: 'ordered', contentType: AVRO_PAYLOAD, data: v2.encode(data) };
    expect(await asked(other, newer)).toMatchObject({ type: 'ack', seq: 2 });
    expect(await client.ask({ ...publish, pub: 2 })).toMatchObject({ type: 'ack', seq: 3 });
    expect(inbound(room).map((event) => Buffer.from(event.data).readInt32BE(1))).toEqual([101, 102, 102]);
    expect(await client.ask(publish)).toMatchObject({ type: 'ack', duplicate: true, seq: 1 });
    const changed = { ...publish, data: { sku: 'changed', price: 1 } };
    expect(await client.ask(changed)).toMatchObject({ type: 'error', code: 'session_in_use' });
    expect(await client.ask({ ...publish, pub: 3 })).toMatchObject({ type: 'ack', seq: 4 });
  });
});

describe('while the registry is away', () => {
  test('known schemas go on, and others are unavailable until they are known', async () => {
    const { registry } = gateway.stream;
    const client = await gateway.client();
    const room = newRoom();
    const known = { type: 'publish', room, event: 'ordered', data: { sku: 'a', price: 1 } };
    await asked(client, known);
    registry.reachable = false;
    expect(await client.ask(known)).toMatchObject({ type: 'ack' });
    const unknown = { type: 'publish', room, event: 'lost', data: { n: 1 } };
    const refusal = { type: 'error', code: 'unavailable', retryAfter: 1_000 };
    expect(await client.ask(unknown)).toMatchObject(refusal);
    registry.reachable = true;
    expect(await client.ask(unknown)).toMatchObject(refusal);
    registry.register('nowhere', 301, { type: 'map', values: 'int' });
    expect(await asked(client, unknown)).toMatchObject({ type: 'ack' });
  });
});

describe('an event of a producer beside the gateways', () => {
  const produce = (room: string, event: string, data: Buffer): void => {
    gateway.stream.publish(inboundEvent({ room, event, data, contentType: AVRO_PAYLOAD }));
  };

  test('is JSON for JSON members also where its schema was not known before', async () => {
    const room = newRoom();
    const member = await joined(await gateway.client(), room);
    const schema = { type: 'array', items: 'int' };
    gateway.stream.registry.schemas.set(401, JSON.stringify(schema));
    produce(room, 'ordered', new PayloadSchema(401, JSON.stringify(schema)).encode([1, 2]));
    expect(await member.next('event')).toMatchObject({ seq: 1, data: [1, 2] });
  });

  test('is delivered as it is, and in its place, where it can not be read', async () => {
    const { registry } = gateway.stream;
    const room = newRoom();
    const member = await joined(await gateway.client(), room);
    const good = V1.encode({ sku: 'a', price: 1 });
    const unknown = Buffer.from(good);
    unknown.writeInt32BE(999, 1);
    const all = [good.subarray(0, 7), Buffer.from('rubbish'), unknown, good];
    for (const data of all) produce(room, 'ordered', data);
    produce(room, 'of another name', good);
    const events = await member.count('event', 5);
    expect(events.map(({ seq, contentType }) => [seq, contentType])).toEqual([
      [1, AVRO_PAYLOAD],
      [2, AVRO_PAYLOAD],
      [3, AVRO_PAYLOAD],
      [4, undefined],
      [5, AVRO_PAYLOAD],
    ]);
    expect(events[0]?.data).toBe(good.subarray(0, 7).toString('base64'));
    expect(events[3]?.data).toEqual({ sku: 'a', price: 1 });
    registry.reachable = false;
    unknown.writeInt32BE(998, 1);
    produce(room, 'ordered', unknown);
    expect(await member.find(({ seq }) => seq === 6)).toMatchObject({ contentType: AVRO_PAYLOAD });
    registry.reachable = true;
  });
});
