/** Whatever is read by hand, the schema's own reader reads alike; what that refuses is never read by hand. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutboundRecord } from '../core/log/record.ts';
import type { SchemaStore } from '../core/ports/schema-store.ts';
import { AvroReader, parseSchema } from './avro-reader.ts';
import { createCodec } from './codec.ts';
import { readHeadFast, readOutboundFast } from './outbound-fast.ts';
import { SCHEMAS } from './schemas.ts';
import { HEADER_BYTES, writeHeader } from './wire.ts';

const OWN_ID = 300;
const store: SchemaStore = { known: () => undefined, load: async () => '' };
const codec = createCodec({ inboundId: 7, outboundId: OWN_ID, deadLetterId: 70_000, snapshotId: 70_001, store });
const reader = new AvroReader(parseSchema(SCHEMAS.outbound), OWN_ID, store);

const text = fc
  .oneof(fc.string({ maxLength: 90 }), fc.string({ unit: 'grapheme', maxLength: 40 }), fc.constant('bench/room-1'))
  .filter((s) => s.isWellFormed());
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const bytes = fc.uint8Array({ maxLength: 300 });
const long = fc.oneof(fc.integer({ min: -1, max: 300 }), fc.integer({ min: -5, max: Number.MAX_SAFE_INTEGER - 2 }));
const small = fc.integer({ min: 0, max: 100_000 });
const session = { session: maybe(text), pub: maybe(long), key: maybe(text), origin: maybe(bytes) };
const events = fc.record({
  room: text,
  seq: long,
  time: long,
  prev: long,
  user: text,
  ...session,
  event: text,
  contentType: maybe(text),
  data: bytes,
  expiresAt: maybe(long),
  traceparent: maybe(text),
});
const answers = fc.record({
  room: text,
  user: text,
  ...session,
  code: fc.constantFrom('duplicate', 'poison'),
  seq: maybe(long),
  offset: maybe(long),
  expected: maybe(long),
  reason: maybe(text),
});
const claims = fc.record({
  nonce: bytes,
  streamId: text,
  foldVersion: small,
  partitions: small,
  canaryIntervalMs: small,
});
const none = { claim: null, event: null, answer: null, skipped: null };
const header = { epoch: long, inbound: long, prevInbound: long, inboundTime: long };
const ofEvents = fc.record({ ...header, event: events }).map((record) => ({ ...none, ...record }));
const records = fc.oneof(
  { arbitrary: ofEvents, weight: 6 },
  fc.record({ ...header, answer: answers }).map((record) => ({ ...none, ...record })),
  fc.record({ ...header, claim: claims }).map((record) => ({ ...none, ...record })),
  fc
    .record({ ...header, skipped: fc.record({ from: long, to: long, reason: text }) })
    .map((record) => ({ ...none, ...record })),
  fc.record(header).map((record) => ({ ...none, ...record })),
) as unknown as fc.Arbitrary<OutboundRecord>;

/** Everything as plain values, whatever made it. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

const bySchema = (record: Buffer) => plain(reader.decode(reader.writer(OWN_ID) as never, record)) as OutboundRecord;

function expectSame(record: Buffer): void {
  for (const kind of ['views', 'copies'] as const) {
    const fast = readOutboundFast(record, kind);
    if (fast !== null) expect(plain(fast)).toEqual(bySchema(record));
  }
  const head = readHeadFast(record);
  if (head === null) return;
  const { answer: _, event, ...rest } = bySchema(record);
  const { room, seq, expiresAt } = event as NonNullable<typeof event>;
  expect(plain(head)).toEqual({ ...rest, event: { room, seq, expiresAt } });
}

describe('an outbound record', () => {
  it('is read by hand as its schema’s reader reads it, and through the codec in any case', () => {
    fc.assert(
      fc.property(records, (record) => {
        const written = codec.encodeOutbound(record);
        expectSame(written);
        const longer = Buffer.concat([written, Buffer.from([0])]);
        expect([readOutboundFast(longer, 'views'), readHeadFast(longer)]).toEqual([null, null]);
        expect(plain(codec.viewOutbound(written))).toEqual(plain(record));
        expect(plain(codec.decodeOutbound(written))).toEqual(plain(record));
      }),
      { numRuns: 500 },
    );
  });

  it('is read by hand at all where it is an event and nothing about it is rare', () => {
    const plainText = fc.constantFrom('bench/room-1', 'ü', 'a');
    const plainLong = fc.integer({ min: -1, max: 2 ** 47 });
    const usual = fc.tuple(ofEvents, plainText, plainLong).map(([record, name, number]) => {
      const fixed = Object.entries(record.event).map(([field, value]) => {
        if (typeof value === 'string') return [field, name];
        return [field, typeof value === 'number' ? number : value];
      });
      const numbers = { epoch: number, inbound: number, prevInbound: number, inboundTime: number };
      return { ...none, ...numbers, event: Object.fromEntries(fixed) } as unknown as OutboundRecord;
    });
    fc.assert(
      fc.property(usual, (record) => {
        const written = codec.encodeOutbound(record);
        expect(readOutboundFast(written, 'views')).not.toBeNull();
        expect(readHeadFast(written)).not.toBeNull();
      }),
    );
  });

  it('is never read by hand otherwise than its schema’s reader reads it, with bytes changed, cut off or put in', () => {
    const change = fc.record({
      place: fc.nat(),
      kind: fc.constantFrom('set', 'cut', 'insert'),
      put: fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 12 }),
        fc.constantFrom([0x80, 0x00], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], [0xc3, 0x28]),
      ),
    });
    fc.assert(
      fc.property(records, fc.array(change, { minLength: 1, maxLength: 3 }), (record, changes) => {
        let bad: Buffer = Buffer.from(codec.encodeOutbound(record));
        for (const { place, kind, put } of changes) {
          const at = HEADER_BYTES + (place % (bad.length - HEADER_BYTES + 1));
          const added = Buffer.from(put);
          if (kind === 'cut') bad = bad.subarray(0, at);
          else if (kind === 'set') added.copy(bad, at);
          else bad = Buffer.concat([bad.subarray(0, at), added, bad.subarray(at)]);
        }
        expectSame(bad);
      }),
      { numRuns: 5_000 },
    );
  });

  it('is never read by hand otherwise where its numbers and lengths take more bytes than they need', () => {
    fc.assert(
      fc.property(ofEvents, fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1 }), (record, paddings) => {
        expectSame(foreign(record, paddings));
      }),
      { numRuns: 2_000 },
    );
  });

  it('has bytes of its own, or views of the record, as asked', () => {
    const optional = { session: null, pub: null, key: null, contentType: null, expiresAt: null, traceparent: null };
    const opaque = { origin: Buffer.from('o'), data: Buffer.from('abc') };
    const event = { room: 'r', seq: 1, time: 0, prev: -1, user: 'u', event: 'e', ...optional, ...opaque };
    const written = codec.encodeOutbound({
      ...none,
      epoch: 0,
      inbound: 1,
      prevInbound: 0,
      inboundTime: 0,
      event,
    } as never);
    const [copied, seen] = [codec.decodeOutbound(written), codec.viewOutbound(written)] as OutboundRecord[];
    written.fill(0);
    expect(plain(copied?.event?.data)).toEqual([...Buffer.from('abc')]);
    expect(plain(copied?.event?.origin)).toEqual([...Buffer.from('o')]);
    expect(plain(seen?.event?.data)).toEqual([0, 0, 0]);
  });
});

/** An event's record by a writer that puts empty groups behind its numbers: the n-th gets as many as the n-th of `paddings`, over and over. */
function foreign(record: object, paddings: readonly number[]): Buffer {
  const out: number[] = [];
  let count = 0;
  const writeLong = (value: number): void => {
    let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
    const groups: number[] = [];
    do {
      groups.push(Number(rest & 0x7fn));
      rest >>= 7n;
    } while (rest > 0n);
    const padding = paddings[count++ % paddings.length] as number;
    while (groups.length < 10 && groups.length < padding) groups.push(0);
    for (const [at, group] of groups.entries()) out.push(at < groups.length - 1 ? group | 0x80 : group);
  };
  const write = (value: unknown): void => {
    if (typeof value === 'number') {
      writeLong(value);
      return;
    }
    const written = typeof value === 'string' ? Buffer.from(value) : (value as Uint8Array);
    writeLong(written.length);
    out.push(...written);
  };
  const OPTIONAL = new Set(['session', 'pub', 'key', 'origin', 'contentType', 'expiresAt', 'traceparent']);
  const { epoch, inbound, prevInbound, inboundTime, event } = record as OutboundRecord;
  for (const value of [epoch, inbound, prevInbound, inboundTime, 0, 1]) writeLong(value);
  for (const [field, value] of Object.entries(event as object)) {
    if (OPTIONAL.has(field)) writeLong(value === null ? 0 : 1);
    if (value !== null) write(value);
  }
  for (let none = 0; none < 2; none++) writeLong(0);
  const made = Buffer.alloc(HEADER_BYTES + out.length);
  writeHeader(made, 0, OWN_ID);
  made.set(out, HEADER_BYTES);
  return made;
}
