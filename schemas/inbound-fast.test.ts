/** Whatever the short way reads and writes, the schema's own reader and writer do too. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InboundEvent, OutboundRecord } from '../core/log/record.ts';
import type { SchemaStore } from '../core/ports/schema-store.ts';
import { createCodec } from './codec.ts';
import { readInboundFast, spliceEvent } from './inbound-fast.ts';
import { SCHEMAS } from './schemas.ts';

const OTHER_ID = 9;
const store: SchemaStore = { known: (id) => (id === OTHER_ID ? SCHEMAS.inbound : undefined), load: async () => '' };
const codec = createCodec({ inboundId: 7, outboundId: 300, deadLetterId: 70_000, snapshotId: 70_001, store });

const text = fc
  .oneof(fc.string({ maxLength: 90 }), fc.string({ unit: 'grapheme', maxLength: 40 }))
  .filter((s) => s.isWellFormed());
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const bytes = fc.uint8Array({ maxLength: 300 });
const long = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 2 }));
const events = fc.record({
  room: text,
  user: text,
  session: maybe(text),
  pub: maybe(long),
  key: maybe(text),
  origin: maybe(bytes),
  event: text,
  contentType: maybe(text),
  data: bytes,
  expiresAt: maybe(long),
  traceparent: maybe(text),
}) as unknown as fc.Arbitrary<InboundEvent>;
const offset = fc.oneof(fc.integer({ min: -1, max: 200 }), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 2 }));
const numbers = fc.record({
  epoch: offset,
  inbound: offset,
  prevInbound: offset,
  inboundTime: offset,
  seq: offset,
  time: offset,
  prev: offset,
});

const plain = (event: object) =>
  Object.fromEntries(
    Object.entries(event).map(([name, value]) => [name, value instanceof Uint8Array ? [...value] : value]),
  );

const sequenced = (event: InboundEvent, all: { seq: number; time: number; prev: number } & object): OutboundRecord => {
  const { seq, time, prev, ...header } = all;
  return {
    ...header,
    claim: null,
    event: { ...event, seq, time, prev },
    answer: null,
    skipped: null,
  } as unknown as OutboundRecord;
};

describe('an inbound record', () => {
  it('is read by hand as the codec reads it', () => {
    fc.assert(
      fc.property(events, (event) => {
        const record = codec.encodeInbound(event);
        expect(plain(codec.viewInbound(record))).toEqual(plain(codec.decodeInbound(record)));
      }),
    );
  });

  it('is read by hand at all where nothing about it is rare', () => {
    const event = {
      room: 'airport/ORD',
      user: 'ü',
      session: null,
      pub: 3,
      key: null,
      origin: null,
      event: 'e',
      contentType: null,
    };
    const record = codec.encodeInbound({
      ...event,
      data: Buffer.from('1'),
      expiresAt: 1_800_000_000_000,
      traceparent: null,
    } as never);
    expect(readInboundFast(record)).not.toBeNull();
  });

  it('is left to the codec where a byte of it was changed to something that the codec reads otherwise, or not at all', () => {
    const change = fc.record({ place: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() });
    fc.assert(
      fc.property(events, change, (event, { place, byte, cut }) => {
        const whole = Buffer.from(codec.encodeInbound(event));
        whole[5 + (place % (whole.length - 5))] = byte;
        const record = cut ? whole.subarray(0, 5 + (place % (whole.length - 5))) : whole;
        const fast = readInboundFast(record);
        if (fast !== null) expect(plain(fast)).toEqual(plain(codec.decodeInbound(record)));
      }),
      { numRuns: 1_000 },
    );
  });
});

/** An inbound record as a sequencer has it: read, and then written on. */
function read(event: InboundEvent): Buffer {
  const source = codec.encodeInbound(event);
  codec.viewInbound(source);
  return source;
}

describe('an event’s outbound record', () => {
  it('made of the inbound record’s bytes is the one that is encoded field by field', () => {
    fc.assert(
      fc.property(events, numbers, (event, all) => {
        const source = read(event);
        const record = sequenced(event, all as never);
        if (readInboundFast(source) !== null) {
          const { event: made } = record;
          const spliced = spliceEvent(300, record, made as NonNullable<typeof made>, source);
          expect(spliced?.equals(codec.encodeOutbound(record))).toBe(true);
        }
        expect(codec.encodeSequenced(record, source).equals(codec.encodeOutbound(record))).toBe(true);
      }),
    );
  });

  it('is whole however many bytes its producer took for the length of the room', () => {
    fc.assert(
      fc.property(events, numbers, fc.integer({ min: 1, max: 9 }), (event, all, more) => {
        const written = codec.encodeInbound(event);
        const lengthEnd = written.findIndex((byte, place) => place >= 5 && byte < 0x80);
        // The same number with empty groups behind it: no writer does it, and every reader takes it.
        const padding = Buffer.alloc(more, 0x80);
        padding[more - 1] = 0;
        const source = Buffer.concat([written.subarray(0, lengthEnd + 1), padding, written.subarray(lengthEnd + 1)]);
        source[lengthEnd] = (source[lengthEnd] as number) | 0x80;
        const record = sequenced(codec.viewInbound(source) as InboundEvent, all as never);
        const made = codec.encodeSequenced(record, source);
        expect(plain(codec.decodeOutbound(made))).toEqual(plain(codec.decodeOutbound(codec.encodeOutbound(record))));
        // What other readers of Avro may refuse is not passed on.
        if (lengthEnd - 4 + more > 7) expect(made.equals(codec.encodeOutbound(record))).toBe(true);
      }),
    );
  });

  it('stays as it was handed out, however many come after it', () => {
    const data = Buffer.alloc(3_000, 'x');
    const event = {
      room: 'r',
      user: 'u',
      session: null,
      pub: null,
      key: null,
      origin: null,
      event: 'e',
      contentType: null,
      data,
      expiresAt: null,
      traceparent: null,
    } as unknown as InboundEvent;
    const source = read(event);
    const record = (n: number) =>
      sequenced(event, {
        epoch: 0,
        inbound: n,
        prevInbound: n - 1,
        inboundTime: 0,
        seq: n,
        time: 0,
        prev: -1,
      } as never);
    const made = Array.from({ length: 100 }, (_, n) => codec.encodeSequenced(record(n), source));
    for (const [n, bytesOfIt] of made.entries()) expect(bytesOfIt.equals(codec.encodeOutbound(record(n)))).toBe(true);
  });

  it('larger than a slab is made all the same', () => {
    const event = {
      room: 'r',
      user: 'u',
      session: null,
      pub: null,
      key: null,
      origin: null,
      event: 'e',
      contentType: null,
      data: Buffer.alloc(100_000),
      expiresAt: null,
      traceparent: null,
    } as unknown as InboundEvent;
    const record = sequenced(event, {
      epoch: 0,
      inbound: 1,
      prevInbound: 0,
      inboundTime: 0,
      seq: 1,
      time: 0,
      prev: -1,
    } as never);
    expect(codec.encodeSequenced(record, read(event)).equals(codec.encodeOutbound(record))).toBe(true);
  });

  it('is encoded field by field where the inbound record has another schema', () => {
    const event = {
      room: 'r',
      user: 'u',
      session: null,
      pub: null,
      key: null,
      origin: null,
      event: 'e',
      contentType: null,
      data: Buffer.from('1'),
      expiresAt: null,
      traceparent: null,
    } as unknown as InboundEvent;
    const source = Buffer.from(codec.encodeInbound(event));
    source.writeInt32BE(OTHER_ID, 1);
    // Bytes that nobody should copy.
    source.fill(0xff, 5);
    const record = sequenced(event, {
      epoch: 0,
      inbound: 1,
      prevInbound: 0,
      inboundTime: 0,
      seq: 1,
      time: 0,
      prev: -1,
    } as never);
    expect(codec.encodeSequenced(record, source).equals(codec.encodeOutbound(record))).toBe(true);
  });
});
