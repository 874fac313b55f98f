import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RoomlogError } from '../core/errors.ts';
import type { InboundEvent, OutboundRecord, SequencedEvent } from '../core/log/record.ts';
import type { SchemaStore } from '../core/ports/schema-store.ts';
import { type Codec, createCodec } from './codec.ts';
import { SCHEMAS } from './schemas.ts';

const IDS = { inboundId: 7, outboundId: 300, deadLetterId: 70_000, snapshotId: 70_001 };

function storeOf(texts: Record<number, string> = {}): SchemaStore {
  const seen = new Set<number>();
  return {
    known: (id) => (seen.has(id) ? texts[id] : undefined),
    load: async (id) => {
      const text = texts[id];
      if (text === undefined) throw new RoomlogError('schema_not_found');
      seen.add(id);
      return text;
    },
  };
}

const codecWith = (texts?: Record<number, string>): Codec => createCodec({ ...IDS, store: storeOf(texts) });
const codec = codecWith();

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (thrown) {
    return thrown instanceof RoomlogError ? thrown.code : `not ours: ${thrown}`;
  }
  return 'nothing thrown';
};

const text = fc.string({ unit: 'grapheme', maxLength: 80 }).filter((s) => s.isWellFormed());
const bytes = fc.uint8Array({ maxLength: 300 });
/** avsc rounds below -2^52; ours are never below -1, and positive ones are exact up to its limit. */
const long = fc.integer({ min: -(2 ** 52), max: Number.MAX_SAFE_INTEGER - 2 });
const positive = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 2 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

const publisher = {
  room: text,
  user: text,
  session: maybe(text),
  pub: maybe(positive),
  key: maybe(text),
  origin: maybe(bytes),
};
const content = {
  event: text,
  contentType: maybe(text),
  data: bytes,
  expiresAt: maybe(positive),
  traceparent: maybe(text),
};
const inboundEvents = fc.record({ ...publisher, ...content }) as unknown as fc.Arbitrary<InboundEvent>;
const bodies = {
  claim: fc.record({
    nonce: bytes,
    streamId: text,
    foldVersion: fc.integer(),
    partitions: fc.integer({ min: 1, max: 4096 }),
    canaryIntervalMs: fc.nat({ max: 3_600_000 }),
  }),
  event: fc.record({ ...publisher, seq: positive, time: long, prev: long, ...content }),
  answer: fc.record({
    ...publisher,
    code: text,
    seq: maybe(positive),
    offset: maybe(long),
    expected: maybe(positive),
    reason: maybe(text),
  }),
  skipped: fc.record({ from: long, to: long, reason: text }),
};
const outboundRecords = fc
  .tuple(
    fc.record({ epoch: long, inbound: long, prevInbound: long, inboundTime: long }),
    fc.oneof(
      fc.constant({}),
      ...Object.entries(bodies).map(([name, body]) =>
        (body as fc.Arbitrary<object>).map((value) => ({ [name]: value })),
      ),
    ),
  )
  .map(([header, body]) => ({
    ...header,
    claim: null,
    event: null,
    answer: null,
    skipped: null,
    ...body,
  })) as unknown as fc.Arbitrary<OutboundRecord>;

/** Byte arrays as Buffers, all the way down, so that `toEqual` compares contents. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
};

const sample: SequencedEvent = {
  room: 'lobby',
  seq: 3,
  time: 1_700_000_000_000,
  prev: -1,
  user: 'ada',
  session: null,
  pub: null,
  key: null,
  origin: null,
  event: 'said',
  contentType: null,
  data: Buffer.from('{"text":"hi"}'),
  expiresAt: null,
  traceparent: null,
} as unknown as SequencedEvent;

const outbound = (event: SequencedEvent): OutboundRecord =>
  ({
    epoch: 5,
    inbound: 9,
    prevInbound: 8,
    inboundTime: 1_700_000_000_000,
    claim: null,
    event,
    answer: null,
    skipped: null,
  }) as OutboundRecord;

describe('the codec', () => {
  it('gives every inbound event back as it was', () => {
    fc.assert(
      fc.property(inboundEvents, (event) => {
        expect(plain(codec.decodeInbound(codec.encodeInbound(event)))).toEqual(plain(event));
      }),
    );
  });

  it('gives every outbound record back as it was', () => {
    fc.assert(
      fc.property(outboundRecords, (record) => {
        expect(plain(codec.decodeOutbound(codec.encodeOutbound(record)))).toEqual(plain(record));
      }),
    );
  });

  it('gives of every outbound record the head alone, if that is asked for', () => {
    fc.assert(
      fc.property(outboundRecords, (record) => {
        const { answer: _, event, ...rest } = record;
        const head = { ...rest, event: event && { room: event.room, seq: event.seq, expiresAt: event.expiresAt } };
        expect(plain(codec.decodeOutboundHead(codec.encodeOutbound(record)))).toEqual(plain(head));
      }),
    );
  });

  it('gives dead letters back, with and without key and value', () => {
    const letter = {
      partition: 3,
      inbound: 99,
      time: 5,
      reason: 'bad_avro',
      message: 'a record that could not be read',
      key: null,
      value: new Uint8Array([0, 255]),
    } as unknown as Parameters<Codec['encodeDeadLetter']>[0];
    expect(plain(codec.decodeDeadLetter(codec.encodeDeadLetter(letter)))).toEqual(plain(letter));
  });

  it('begins with a zero byte and the schema id, big endian', () => {
    const record = codec.encodeOutbound(outbound(sample));
    expect([...record.subarray(0, 5)]).toEqual([0, 0, 0, 300 >> 8, 300 & 255]);
  });

  it('keeps records of every size apart, across slabs and in buffers of their own', () => {
    const sizes = [0, 1, 100, 16_000, 20_000, 70_000, 1_000_000, 63, 16_384, 3];
    const encoded = sizes.flatMap((size) =>
      Array.from({ length: 12 }, (_, fill) => ({
        data: Buffer.alloc(size, fill + 1),
        record: codec.encodeOutbound(outbound({ ...sample, data: Buffer.alloc(size, fill + 1) })),
      })),
    );
    for (const { data, record } of encoded) {
      const back = codec.decodeOutbound(record) as OutboundRecord;
      expect(Buffer.compare(back.event?.data as Buffer, data)).toBe(0);
    }
  });

  it('decodes into bytes of its own: overwriting the record afterwards changes nothing', () => {
    const record = Buffer.from(codec.encodeOutbound(outbound(sample)));
    const back = codec.decodeOutbound(record) as OutboundRecord;
    record.fill(0xff);
    expect(Buffer.from(back.event?.data ?? []).toString()).toBe('{"text":"hi"}');
    expect(back.event?.room).toBe('lobby');
  });

  it('does not write to the event that it encodes', () => {
    const event = Object.freeze({ ...sample, data: new Uint8Array([1, 2]), origin: new Uint8Array(16) });
    expect(() => codec.encodeOutbound(Object.freeze(outbound(event)))).not.toThrow();
    expect(event.data).toBeInstanceOf(Uint8Array);
  });
});

describe('malformed records', () => {
  const good = codec.encodeOutbound(outbound(sample));

  it('are corrupt when cut anywhere', () => {
    for (let length = 0; length < good.length; length++) {
      expect(codeOf(() => codec.decodeOutbound(good.subarray(0, length)))).toBe('corrupt_record');
    }
  });

  it('are corrupt with bytes after their end', () => {
    expect(codeOf(() => codec.decodeOutbound(Buffer.concat([good, Buffer.from([0])])))).toBe('corrupt_record');
  });

  it('are corrupt with another magic byte, or an id that no registry gives', () => {
    expect(codeOf(() => codec.decodeInbound(Buffer.concat([Buffer.from([1]), good.subarray(1)])))).toBe(
      'corrupt_record',
    );
    expect(codeOf(() => codec.decodeInbound(Buffer.from([0, 255, 0, 0, 1, 0, 0])))).toBe('corrupt_record');
    expect(codeOf(() => codec.decodeInbound(Buffer.from([0, 0, 0, 0, 0, 0, 0])))).toBe('corrupt_record');
  });

  it('are corrupt with a number past 2^53, or a union branch that does not exist', () => {
    const header = Buffer.from([0, 0, 0, 300 >> 8, 300 & 255]);
    const max = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    expect(codeOf(() => codec.decodeOutbound(Buffer.concat([header, max, Buffer.alloc(7)])))).toBe('corrupt_record');
    expect(codeOf(() => codec.decodeOutbound(Buffer.concat([header, Buffer.from([0, 0, 0, 0, 4, 0, 0, 0])])))).toBe(
      'corrupt_record',
    );
  });

  it('are corrupt with a string that is not UTF-8, while U+FFFD itself is a letter like any other', () => {
    const honest = { ...sample, room: 'a\ufffdb' } as SequencedEvent;
    const record = Buffer.from(codec.encodeOutbound(outbound(honest)));
    expect((codec.decodeOutbound(record) as OutboundRecord).event?.room).toBe('a\ufffdb');
    const at = record.indexOf(Buffer.from('a\ufffdb')) + 1;
    record.set([0xed, 0xa0, 0x80], at);
    expect(codeOf(() => codec.decodeOutbound(record))).toBe('corrupt_record');
  });

  it('throw nothing but corrupt_record, whatever the bytes', () => {
    const prefix = fc.constantFrom(IDS.inboundId, IDS.outboundId, 1).map((id) => {
      const header = Buffer.alloc(5);
      header.writeInt32BE(id, 1);
      return header;
    });
    fc.assert(
      fc.property(fc.oneof(fc.constant(Buffer.alloc(0)), prefix), fc.uint8Array({ maxLength: 120 }), (header, tail) => {
        const record = Buffer.concat([header, tail]);
        for (const run of [() => codec.decodeInbound(record), () => codec.decodeOutbound(record)]) {
          expect(['corrupt_record', 'nothing thrown']).toContain(codeOf(run));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('throw nothing but corrupt_record when a good record has single bytes changed', () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const record = Buffer.from(good);
        record[at] = value;
        expect(['corrupt_record', 'nothing thrown']).toContain(codeOf(() => codec.decodeOutbound(record)));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('what can not be encoded', () => {
  it('is refused as bad_frame when a string holds half of a surrogate pair', () => {
    expect(codeOf(() => codec.encodeOutbound(outbound({ ...sample, event: 'a\ud800' })))).toBe('bad_frame');
  });

  it('names the field and never quotes the value', () => {
    const wrong = outbound({ ...sample, seq: 1.5, data: Buffer.from('secret') } as unknown as SequencedEvent);
    expect(() => codec.encodeOutbound(wrong)).toThrow(/seq/);
    expect(() => codec.encodeOutbound(wrong)).not.toThrow(/secret/);
  });
});

describe('schemas of other versions', () => {
  const newer = JSON.parse(SCHEMAS.outbound);
  newer.fields.push({
    name: 'moved',
    default: null,
    type: ['null', { type: 'record', name: 'Moved', fields: [{ name: 'to', type: 'string' }] }],
  });
  const newerType = avsc.Type.forSchema(newer);
  const newerRecord = (value: object, id = 301): Buffer => {
    const header = Buffer.from([0, 0, 0, 0, 0]);
    header.writeInt32BE(id, 1);
    return Buffer.concat([header, newerType.toBuffer(value)]);
  };
  const unknownKind = newerRecord({ ...outbound(sample), event: null, moved: { to: 'elsewhere' } });

  it('are asked for once, then read', async () => {
    const reader = codecWith({ 301: JSON.stringify(newer) });
    expect(reader.decodeOutbound(unknownKind)).toEqual({ unknownSchema: 301 });
    await reader.ensureSchema(301);
    expect(reader.decodeOutbound(newerRecord({ ...outbound(sample), moved: null }))).toMatchObject({
      inbound: 9,
      event: { room: 'lobby' },
    });
    expect(plain(reader.decodeOutboundHead(newerRecord({ ...outbound(sample), moved: null })))).toMatchObject({
      inbound: 9,
      event: { room: 'lobby', seq: sample.seq, expiresAt: sample.expiresAt },
    });
  });

  it('leave four nulls and the header of a kind that this version does not know', async () => {
    const reader = codecWith({ 301: JSON.stringify(newer) });
    await reader.ensureSchema(301);
    expect(plain(reader.decodeOutbound(unknownKind))).toEqual({
      epoch: 5,
      inbound: 9,
      prevInbound: 8,
      inboundTime: 1_700_000_000_000,
      claim: null,
      event: null,
      answer: null,
      skipped: null,
    });
  });

  it('check the strings of foreign versions for UTF-8 as well', async () => {
    const reader = codecWith({ 301: JSON.stringify(newer) });
    await reader.ensureSchema(301);
    const record = newerRecord({ ...outbound({ ...sample, room: 'a\ufffdb' } as SequencedEvent), moved: null });
    expect(codeOf(() => reader.decodeOutbound(record))).toBe('nothing thrown');
    record.set([0xed, 0xa0, 0x80], record.indexOf(Buffer.from('a\ufffdb')) + 1);
    expect(codeOf(() => reader.decodeOutbound(record))).toBe('corrupt_record');
  });

  it('are corrupt, not unknown, when the id is of another kind of record or no schema at all', async () => {
    const reader = codecWith({ 7: SCHEMAS.inbound, 8: SCHEMAS.inbound, 9: 'not a schema', 10: '{"type":"nonsense"}' });
    for (const id of [8, 9, 10]) {
      await reader.ensureSchema(id);
      const record = newerRecord({ ...outbound(sample), moved: null }, id);
      expect(codeOf(() => reader.decodeOutbound(record))).toBe('corrupt_record');
    }
  });

  it("are told apart: not found and unreachable are the look-up's to say", async () => {
    await expect(codec.ensureSchema(404)).rejects.toMatchObject({ code: 'schema_not_found' });
  });
});
