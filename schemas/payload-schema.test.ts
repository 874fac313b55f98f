import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RoomlogError } from '../core/errors.ts';
import { AvroScratch } from './avro-scratch.ts';
import { MAX_ENCODED_BYTES } from './json-to-avro.ts';
import { PayloadSchema, parseExactly } from './payload-schema.ts';
import { HEADER_BYTES } from './wire.ts';

const record = (name: string, fields: object[]): object => ({ type: 'record', name, fields });
const ORDER = record('Order', [
  { name: 'number', type: 'long' },
  { name: 'state', type: { type: 'enum', name: 'State', symbols: ['NEW', 'PAID'] }, default: 'NEW' },
  { name: 'note', type: ['null', 'string'], default: null },
  { name: 'total', type: 'double' },
  { name: 'weight', type: 'float', default: 0 },
  { name: 'count', type: 'int', default: 7 },
  { name: 'paid', type: 'boolean', default: false },
  { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 2 }, default: '\u0001\u0002' },
  { name: 'blob', type: 'bytes', default: '' },
  {
    name: 'items',
    default: [],
    type: {
      type: 'array',
      items: record('Item', [
        { name: 'sku', type: 'string' },
        { name: 'price', type: ['double', 'string'] },
      ]),
    },
  },
  { name: 'tags', type: { type: 'map', values: 'long' }, default: {} },
  { name: 'parent', type: ['null', 'Order'], default: null },
]);
const order = new PayloadSchema(9, JSON.stringify(ORDER));
const type = avsc.Type.forSchema(ORDER as avsc.Schema, { omitRecordMethods: true, wrapUnions: 'never' });
const minimal = { number: 1, total: 2.5 };
const full = {
  number: 1,
  state: 'PAID',
  note: 'é',
  total: 2.5,
  weight: 0.5,
  count: -3,
  paid: true,
  hash: '/wA=',
  blob: 'AAEC',
  items: [
    { sku: 'a', price: 1 },
    { sku: 'b', price: 'free' },
  ],
  tags: { a: 1, b: -2 },
  parent: null,
};

function rejected(value: unknown, schema = order): string | undefined {
  try {
    schema.encode(value);
  } catch (thrown) {
    expect(thrown).toMatchObject({ name: 'RoomlogError', code: 'schema_rejected' });
    return (thrown as RoomlogError).details.path;
  }
  return undefined;
}

const SELF = ['null', 'A', 'B'];
const TWINS = record('A', [{ name: 'n', type: ['null', 'A', record('B', [{ name: 'n', type: SELF }])] }]);

describe('a value that fits none of many branches', () => {
  it('is refused soon, however deep it hides that', () => {
    let value: unknown = { x: 1 };
    for (let depth = 0; depth < 60; depth += 1) value = { n: value };
    const begun = performance.now();
    expect(rejected(value, new PayloadSchema(1, JSON.stringify(TWINS)))).toMatch(/^data\.n/);
    expect(performance.now() - begun).toBeLessThan(5_000);
  });

  it('is found in the last branch, many times over', () => {
    const items = {
      type: 'array',
      items: [record('A', [{ name: 'a', type: 'long' }]), record('B', [{ name: 'b', type: 'long' }])],
    };
    const schema = new PayloadSchema(1, JSON.stringify(items));
    const value = Array.from({ length: 5_000 }, (_, b) => ({ b }));
    expect(JSON.parse(schema.decode(schema.encode(value)))).toEqual(value);
  });
});

describe('JSON under a schema', () => {
  it('is encoded as a stock serialiser does, and comes back as it was', () => {
    const bytes = order.encode(full);
    expect([...bytes.subarray(0, HEADER_BYTES)]).toEqual([0, 0, 0, 0, 9]);
    const same = { ...full, hash: Buffer.from([255, 0]), blob: Buffer.from([0, 1, 2]) };
    expect(bytes.subarray(HEADER_BYTES)).toEqual(type.toBuffer(same));
    expect(JSON.parse(order.decode(bytes))).toEqual(full);
  });

  it('has its defaults where fields are missing', () => {
    const back = JSON.parse(order.decode(order.encode(minimal)));
    expect(back).toEqual({
      ...minimal,
      state: 'NEW',
      note: null,
      weight: 0,
      count: 7,
      paid: false,
      hash: 'AQI=',
      blob: '',
      items: [],
      tags: {},
      parent: null,
    });
  });

  it.each<[string, unknown]>([
    ['data', 5],
    ['data', null],
    ['data', [minimal]],
    ['data.total', { number: 1 }],
    ['data.number', { ...minimal, number: '1' }],
    ['data.number', { ...minimal, number: 1.5 }],
    ['data.number', { ...minimal, number: 2n ** 63n }],
    ['data.count', { ...minimal, count: 2 ** 31 }],
    ['data.total', { ...minimal, total: Number.POSITIVE_INFINITY }],
    ['data.weight', { ...minimal, weight: 1e300 }],
    ['data.state', { ...minimal, state: 'LOST' }],
    ['data.note', { ...minimal, note: 5 }],
    ['data.note', { ...minimal, note: '\ud800' }],
    ['data.paid', { ...minimal, paid: 1 }],
    ['data.hash', { ...minimal, hash: 'AA==' }],
    ['data.blob', { ...minimal, blob: 'no base64' }],
    ['data.unknown', { ...minimal, unknown: 1 }],
    ['data.__proto__', JSON.parse('{"number":1,"total":1,"__proto__":{}}')],
    ['data.items', { ...minimal, items: {} }],
    ['data.items[1].sku', { ...minimal, items: [{ sku: 'a', price: 1 }, { price: 1 }] }],
    ['data.items[0].price', { ...minimal, items: [{ sku: 'a', price: true }] }],
    ['data.tags.b', { ...minimal, tags: { a: 1, b: 'x' } }],
    ['data.parent.parent.total', { ...minimal, parent: { ...minimal, parent: { number: 1 } } }],
  ])('is refused with the path %s', (path, value) => {
    expect(rejected(value)).toBe(path);
  });

  it('keeps all digits of 64 bits, both ways', () => {
    const text = '{"number":-9223372036854775808,"total":12345678901234567890}';
    const back = order.decode(order.encode(parseExactly(text)));
    expect(back).toContain('"number":-9223372036854775808,');
    expect(parseExactly('[9007199254740993,1.5,1e400,"1234567890123456789"]')).toEqual([
      9007199254740993n,
      1.5,
      Number.POSITIVE_INFINITY,
      '1234567890123456789',
    ]);
  });

  it('names what JSON has no numbers for', () => {
    const back = JSON.parse(order.decode(order.encode({ number: 1, total: 'NaN', weight: '-Infinity' })));
    expect(back).toMatchObject({ total: 'NaN', weight: '-Infinity' });
  });

  it('takes the first branch of a union that fits, with nothing left of those that did not', () => {
    const schema = new PayloadSchema(
      1,
      JSON.stringify([
        'null',
        record('A', [{ name: 'x', type: { type: 'array', items: 'int' } }]),
        record('B', [{ name: 'x', type: { type: 'array', items: 'string' } }]),
      ]),
    );
    for (const value of [null, { x: [1, 2] }, { x: ['1', '2'] }, { x: [] }]) {
      expect(JSON.parse(schema.decode(schema.encode(value)))).toEqual(value);
    }
    expect(rejected({ x: [1, 'a'] }, schema)).toBe('data');
  });

  it('is bounded where little JSON stands for many bytes', () => {
    const filler = 'x'.repeat(10_000);
    const items = record('Item', [{ name: 'filler', type: 'string', default: filler }]);
    const schema = new PayloadSchema(1, JSON.stringify({ type: 'array', items }));
    expect(rejected(Array(Math.ceil(MAX_ENCODED_BYTES / 10_000)).fill({}), schema)).toBe('data[104]');
  });
});

describe('Avro under a schema', () => {
  const corrupt = (schema: PayloadSchema, bytes: Uint8Array): void => {
    expect(() => schema.decode(bytes)).toThrow(expect.objectContaining({ code: 'corrupt_record' }));
  };

  it('of any value comes back from JSON as the same bytes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 10 });
    const value = fc.record({
      number: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      total: fc.double({ noDefaultInfinity: true, noNaN: true }),
      note: fc.option(text),
      items: fc.array(
        fc.record({ sku: text, price: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), text) }),
      ),
      tags: fc.dictionary(text, fc.maxSafeInteger()),
    });
    fc.assert(
      fc.property(value, (given) => {
        const bytes = order.encode(given);
        expect(order.encode(parseExactly(order.decode(bytes)))).toEqual(bytes);
      }),
    );
  });

  it('that is cut short, longer, or says it is huge is refused', () => {
    const bytes = order.encode(full);
    for (let length = 0; length < bytes.length; length += 1) corrupt(order, bytes.subarray(0, length));
    corrupt(order, Buffer.concat([bytes, Buffer.alloc(1)]));
    const nulls = new PayloadSchema(1, '{"type":"array","items":"null"}');
    const huge = new AvroScratch()
      .begin()
      .raw(Buffer.alloc(HEADER_BYTES))
      .long(2 ** 40)
      .long(0)
      .take();
    corrupt(nulls, huge);
  });

  it('that nests too deep, or stands for too much JSON, is refused', () => {
    const chain = new PayloadSchema(1, JSON.stringify(record('Chain', [{ name: 'next', type: ['null', 'Chain'] }])));
    const links = (count: number): Buffer => Buffer.from([0, 0, 0, 0, 1, ...Array(count).fill(2), 0]);
    expect(chain.decode(links(60))).toMatch(/^(\{"next":){61}null\}{61}$/);
    corrupt(chain, links(100_000));
    const wide = record('Wide', [
      { name: 'n'.repeat(1_000), type: 'null' },
      { name: 'one', type: 'boolean' },
    ]);
    const schema = new PayloadSchema(1, JSON.stringify({ type: 'array', items: wide }));
    const many = new AvroScratch()
      .begin()
      .raw(Buffer.alloc(HEADER_BYTES))
      .long(10_000)
      .raw(Buffer.alloc(10_001))
      .take();
    corrupt(schema, many);
  });

  it('of random bytes is never anything else than JSON or corrupt', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        try {
          JSON.parse(order.decode(Buffer.concat([Buffer.alloc(HEADER_BYTES), bytes])));
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'corrupt_record' });
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('refuses a schema that is none', () => {
    for (const schema of ['{', '"nonsense"', '{"type":"record","name":"R","fields":[{"name":"x","type":"Other"}]}']) {
      expect(() => new PayloadSchema(1, schema)).toThrow(expect.objectContaining({ code: 'corrupt_record' }));
    }
  });
});
