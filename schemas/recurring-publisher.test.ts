import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { InboundEvent } from '../core/log/record.ts';
import { createCodec } from './codec.ts';
import { notePublisher, recurringPublisher } from './recurring-publisher.ts';

const codec = createCodec({
  inboundId: 1,
  outboundId: 2,
  deadLetterId: 3,
  snapshotId: 4,
  store: { known: () => undefined, load: async () => '' },
});
const event = (room: string, user: string, session: string | null): InboundEvent =>
  ({
    room,
    user,
    session,
    pub: null,
    key: null,
    origin: null,
    event: 'e',
    contentType: null,
    data: Buffer.from('1'),
    expiresAt: null,
    traceparent: null,
  }) as unknown as InboundEvent;
const read = (record: Buffer) => {
  const { room, user, session } = codec.viewInbound(record) as InboundEvent;
  return { room, user, session };
};

test('names are those that the record says, whoever had their place before and however often they came', () => {
  const name = fc.oneof(
    fc.constantFrom('airport/ORD', 'airport/JFK', 'a', '', 'ü', '\ufffd', 'a-name-of-some-length', 'x'.repeat(200)),
    fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => text.isWellFormed()),
  );
  const publishers = fc.tuple(name, name, fc.option(name, { nil: null }));
  fc.assert(
    fc.property(fc.array(publishers, { minLength: 1, maxLength: 8 }), (some) => {
      for (const [room, user, session] of [...some, ...some, ...some, ...some]) {
        expect(read(codec.encodeInbound(event(room, user, session)))).toEqual({ room, user, session });
      }
    }),
    { numRuns: 500 },
  );
});

test('a record with a byte changed is read as if none had been known', () => {
  const record = codec.encodeInbound(event('airport/LHR', 'somebody', 'a-session'));
  for (let count = 0; count < 3; count++) read(record);
  for (let at = 5; at < record.length; at++) {
    for (const bit of [1, 2, 0x80]) {
      const changed = Buffer.from(record);
      changed[at] = (changed[at] as number) ^ bit;
      const outcome = (decode: () => unknown) => {
        try {
          const { origin, data, ...rest } = decode() as InboundEvent;
          return { ...rest, origin: origin && [...origin], data: [...data] };
        } catch (thrown) {
          return String(thrown);
        }
      };
      expect(outcome(() => codec.viewInbound(changed))).toEqual(outcome(() => codec.decodeInbound(changed)));
    }
  }
});

/** Three names with one place in the table: only what lies between the bytes that are hashed differs. */
const bytesOf = (middle: string) => Buffer.from(`a-room-name ${middle} 12345678`);
const look = (middle: string) => recurringPublisher(bytesOf(middle), 0, 11, 22);
const note = (middle: string) =>
  notePublisher(bytesOf(middle), 0, 11, 22, { room: 'a-room-name', user: middle, session: null });

test('a place is given to who comes twice, and stays with who comes in turn with another', () => {
  expect(look('x')).toBeNull();
  note('x');
  expect(look('x')).toBeNull();
  note('x');
  expect(look('x')?.user).toBe('x');
  for (let turn = 0; turn < 3; turn++) {
    expect(look('y')).toBeNull();
    note('y');
    expect(look('x')?.user).toBe('x');
  }
  note('y');
  note('y');
  expect(look('y')?.user).toBe('y');
});

test('the same strings are handed out again', () => {
  note('z');
  note('z');
  expect(look('z')).toBe(look('z'));
});
