import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InboundEvent, OutboundRecord } from '../core/log/record.ts';
import { codec, outbound, plain, sample } from './codec.fixture.ts';
import type { Codec } from './codec.ts';

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
