import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { RoomlogError } from '../core/errors.ts';
import { AVRO_PAYLOAD, PayloadSchema } from '../schemas/payload-schema.ts';
import { ReadableData } from './readable-data.ts';

const text = '{"type":"map","values":"long"}';
const schema = new PayloadSchema(7, text);
let asked = 0;
const readable = new ReadableData({
  load: async (id) => {
    asked += 1;
    if (id === 7) return text;
    throw new RoomlogError('schema_not_found');
  },
});

it('is JSON where it was Avro that can be read, and asks for a schema once', async () => {
  const event = { contentType: AVRO_PAYLOAD, data: schema.encode({ a: 1 }), seq: 5 };
  for (const _ of [1, 2]) {
    expect(await readable.of(event)).toEqual({ contentType: null, data: Buffer.from('{"a":1}'), seq: 5 });
  }
  expect(await readable.all([event, event])).toEqual([await readable.of(event), await readable.of(event)]);
  expect(asked).toBe(1);
});

it('is as it was otherwise', async () => {
  const unknown = Buffer.from(schema.encode({}));
  unknown.writeInt32BE(8, 1);
  const all = [
    { contentType: null, data: Buffer.from('1') },
    { contentType: 'image/png', data: schema.encode({}) },
    { contentType: AVRO_PAYLOAD, data: Buffer.from('rubbish') },
    { contentType: AVRO_PAYLOAD, data: schema.encode({ a: 1 }).subarray(0, 7) },
    { contentType: AVRO_PAYLOAD, data: unknown },
  ];
  for (const event of all) expect(await readable.of(event)).toBe(event);
});
