import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import { AvroScratch } from '../../schemas/avro-scratch.ts';
import { clientFrameType, encodeClientFrame } from '../../test/support/avro-frames.ts';
import { parseFrame, peekId } from './avro-parse.ts';
import { parseFrame as parseJson } from './parse.ts';
import { joinOf } from './validate.ts';

const LIMITS = { maxLast: 100 };
const parse = (frame: object) => parseFrame(encodeClientFrame(frame), LIMITS);
const scratch = new AvroScratch();

function refused(bytes: Buffer): { code: string; details: object } {
  try {
    parseFrame(bytes, LIMITS);
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(RoomlogError);
    return thrown as RoomlogError;
  }
  throw new Error('it was taken');
}

describe('an Avro frame', () => {
  const session = '0198c0de-0000-7000-8000-000000000001';
  const frames: object[] = [
    { type: 'hello' },
    { type: 'hello', token: 't', session, batch: true },
    { type: 'join', id: -5, room: 'r' },
    { type: 'join', id: 2 ** 52, room: 'é', after: 'start', presence: true, meta: { a: [1, 'x'] } },
    { type: 'join', id: 1, room: 'r', last: 5 },
    { type: 'join', id: 1, room: 'r', since: 1_700_000_000_000 },
    { type: 'leave', id: 1, room: 'r' },
    { type: 'presence', id: 1, room: 'r', meta: 0 },
    { type: 'presence', id: 1, room: 'r' },
    { type: 'ping', id: 7 },
    { type: 'refresh', id: 7, token: 't' },
    { type: 'signal', id: 7, user: 'u', event: 'e', data: 1 },
    { type: 'publish', id: 1, room: 'r', pub: 3, event: 'e', data: { a: 1 }, ttl: 5 },
    { type: 'publish', id: 1, room: 'r', event: 'e', data: null, pub: 4, ephemeral: true },
  ];
  test.each(frames)('%j is read as its JSON form is', (frame) => {
    expect(parse(frame)).toEqual(parseJson(Buffer.from(JSON.stringify(frame)), LIMITS));
    const { id } = frame as { id?: number };
    expect(peekId(encodeClientFrame(frame))).toBe(id);
  });

  const wrong: object[] = [
    { type: 'join', id: 1, room: '' },
    { type: 'join', id: 1, room: 'r', after: 'a', last: 1 },
    { type: 'join', id: 1, room: 'r', last: 101 },
    { type: 'publish', id: 1, room: 'r', event: 'e', data: 1, pub: 0 },
    { type: 'publish', id: 1, room: 'r', event: 'e', data: 1, ttl: -1 },
    { type: 'publish', id: 1, room: 'r', event: '\n', data: 1 },
    { type: 'presence', id: 1, room: 'r', meta: 'x'.repeat(1_100) },
    { type: 'hello', session: 'none' },
  ];
  test.each(wrong)('%j is refused as its JSON form is', (frame) => {
    const { code, details } = refused(encodeClientFrame(frame));
    let json: unknown;
    try {
      parseJson(Buffer.from(JSON.stringify(frame)), LIMITS);
    } catch (thrown) {
      json = thrown;
    }
    expect({ code, details }).toEqual({ code: (json as RoomlogError).code, details: (json as RoomlogError).details });
  });

  test('hello’s rooms are judged one by one', () => {
    const rooms = [
      { id: 1, room: 'r', last: 3 },
      { id: 2, room: '' },
    ];
    const frame = parse({ type: 'hello', rooms });
    if (frame.type !== 'hello') throw new Error(frame.type);
    expect(joinOf(frame.rooms[0], LIMITS)).toMatchObject({ id: 1, room: 'r', start: { kind: 'last', count: 3 } });
    expect(() => joinOf(frame.rooms[1], LIMITS)).toThrow(expect.objectContaining({ code: 'invalid_room' }));
  });

  test('publish keeps the bytes of data: of JSON, and of anything that is named otherwise', () => {
    const json = Buffer.from(' {"n": 12345678901234567890}\n');
    expect(parse({ type: 'publish', id: 1, room: 'r', event: 'e', data: json })).toMatchObject({
      contentType: null,
      data: json,
    });
    const opaque = Buffer.from([0, 1, 255, 0x7d]);
    const frame = { type: 'publish', id: 1, room: 'r', event: 'e', contentType: 'image/png', data: opaque };
    expect(parse(frame)).toMatchObject({ contentType: 'image/png', data: opaque });
  });

  test.each([
    ['two values', '1 2'],
    ['a forged end of the frame', '1},{"type":"event"'],
    ['half a value', '{"a":'],
    ['nothing', ''],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a byte order mark', '\ufeff1'],
    ['a nest of 64', '['.repeat(64) + ']'.repeat(64)],
  ])('data that says it is JSON and is %s is refused', (_, data) => {
    const frame = { type: 'publish', id: 9, room: 'r', event: 'e', data: Buffer.from(data as string) };
    expect(refused(encodeClientFrame(frame))).toMatchObject({ code: 'bad_frame', details: { id: 9, path: 'data' } });
  });

  test('data nests as deep as in a JSON frame', () => {
    const data = Buffer.from('['.repeat(63) + ']'.repeat(63));
    expect(parse({ type: 'publish', id: 1, room: 'r', event: 'e', data })).toMatchObject({ data });
  });

  test('a content type is visible ASCII', () => {
    const frame = { type: 'publish', id: 9, room: 'r', event: 'e', contentType: 'a\r\nb: c', data: Buffer.alloc(1) };
    expect(refused(encodeClientFrame(frame))).toMatchObject({ details: { id: 9, path: 'contentType' } });
  });

  test('meta that is not JSON, or nests too deep, is refused', () => {
    for (const meta of ['{', '['.repeat(64) + ']'.repeat(64), '']) {
      const bytes = scratch.begin().long(5).long(9).string('r').optionalString(meta).take();
      expect(refused(bytes)).toMatchObject({ code: 'bad_frame', details: { id: 9, path: 'meta' } });
    }
  });

  test('an array that says it is huge costs nothing', () => {
    const head = scratch.begin().long(0).optionalString('t').optionalString(null).boolean(false).take();
    for (const count of [2 ** 40, -(2 ** 40), 1_000_000]) {
      const bytes = Buffer.concat([head, scratch.begin().long(count).long(1).take(), Buffer.alloc(1_000)]);
      const startedAtMs = performance.now();
      expect(refused(bytes)).toMatchObject({ code: 'bad_frame', details: { path: 'rooms' } });
      expect(performance.now() - startedAtMs).toBeLessThan(100);
    }
  });

  test('cut short, or with bytes behind it, is refused with its id where that is there', () => {
    const whole = encodeClientFrame({ type: 'publish', id: 9, room: 'r', event: 'e', data: 1 });
    for (let length = 0; length < whole.length; length += 1) {
      const { code, details } = refused(whole.subarray(0, length));
      expect(code).toBe('bad_frame');
      expect(details).toMatchObject(length >= 2 ? { id: 9 } : {});
    }
    expect(refused(Buffer.concat([whole, Buffer.alloc(1)]))).toMatchObject({ code: 'bad_frame', details: { id: 9 } });
  });

  test('of any bytes is read as avsc reads it, or refused by an error of the table', () => {
    const valid = fc.constantFrom(...frames).map((frame) => encodeClientFrame(frame));
    const damaged = fc
      .tuple(valid, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }))
      .map(([bytes, changes]) => {
        const copy = Buffer.from(bytes);
        for (const [at, byte] of changes) copy[at % copy.length] = byte;
        return copy;
      });
    const any = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(damaged, any), (bytes) => {
        peekId(bytes);
        try {
          parseFrame(bytes, LIMITS);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RoomlogError);
          expect(['bad_frame', 'invalid_room']).toContain((thrown as RoomlogError).code);
          return;
        }
        expect(() => clientFrameType.fromBuffer(bytes)).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  }, 30_000);
});
