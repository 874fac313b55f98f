import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import { parseFrame } from './parse.ts';
import { joinOf, MAX_META_BYTES } from './validate.ts';

const LIMITS = { maxLast: 100 };
const parse = (frame: object | string) =>
  parseFrame(Buffer.from(typeof frame === 'string' ? frame : JSON.stringify(frame)), LIMITS);

describe('a frame', () => {
  test('of each type is read with its fields, and no others', () => {
    const session = '0198c0de-0000-7000-8000-000000000001';
    expect(parse({ type: 'hello', token: 't', session, batch: true, rooms: [1], x: 1 })).toEqual({
      type: 'hello',
      token: 't',
      session,
      batch: true,
      rooms: [1],
    });
    expect(parse({ type: 'hello' })).toEqual({ type: 'hello', token: null, session: null, batch: false, rooms: [] });
    expect(parse({ type: 'join', id: 1, room: 'r', x: 1 })).toEqual({
      type: 'join',
      id: 1,
      room: 'r',
      start: { kind: 'live' },
      presence: false,
      meta: null,
    });
    expect(parse({ type: 'leave', id: 1, room: 'r' })).toEqual({ type: 'leave', id: 1, room: 'r' });
    expect(parse({ type: 'presence', id: 1, room: 'r', meta: { a: 1 } })).toMatchObject({ meta: '{"a":1}' });
    for (const type of ['ping', 'signal', 'refresh']) expect(parse({ type, id: 1, x: 1 })).toEqual({ type, id: 1 });
  });

  test('join knows five ways to begin', () => {
    const start = (fields: object) => joinOf({ id: 1, room: 'r', ...fields }, LIMITS).start;
    expect(start({})).toEqual({ kind: 'live' });
    expect(start({ after: 'start' })).toEqual({ kind: 'start' });
    expect(start({ after: 'abc' })).toEqual({ kind: 'after', cursor: 'abc' });
    expect(start({ last: 100 })).toEqual({ kind: 'last', count: 100 });
    expect(start({ since: 0 })).toEqual({ kind: 'since', timeMs: 0 });
  });

  test('publish keeps the bytes of data', () => {
    const frame = parse('{"type":"publish","id":1,"room":"r","event":"e","data": 1.0e400 ,"pub":3,"ttl":5}');
    expect(frame).toMatchObject({ pub: 3, ttlMs: 5, ephemeral: false });
    if (frame.type === 'publish') expect(Buffer.from(frame.data).toString()).toBe('1.0e400');
  });

  test('a number that the log can not hold is refused', () => {
    const frame = { type: 'publish', id: 1, room: 'r', event: 'e', data: 0 };
    expect(parse({ ...frame, pub: Number.MAX_SAFE_INTEGER - 1 })).toMatchObject({ pub: Number.MAX_SAFE_INTEGER - 1 });
    expect(() => parse({ ...frame, pub: Number.MAX_SAFE_INTEGER })).toThrow(
      expect.objectContaining({ code: 'bad_frame', details: { id: 1, path: 'pub' } }),
    );
  });

  test('an ephemeral publish has no number', () => {
    expect(parse({ type: 'publish', id: 1, room: 'r', event: 'e', data: 0, pub: 3, ephemeral: true })).toMatchObject({
      pub: null,
      ephemeral: true,
    });
  });

  test('meta of exactly its limit is taken', () => {
    const meta = 'x'.repeat(MAX_META_BYTES - 2);
    expect(parse({ type: 'presence', id: 1, room: 'r', meta })).toMatchObject({ meta: JSON.stringify(meta) });
  });

  test('of any content is either read or refused by an error of the table', () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom('start', 'r', 1, true, -1, 2 ** 53, ''));
    const type = fc.constantFrom('hello', 'join', 'leave', 'publish', 'presence', 'ping', 'signal', 'x', '__proto__');
    const names = ['id', 'room', 'after', 'last', 'since', 'presence', 'meta', 'pub', 'event', 'data', 'ttl', 'rooms'];
    const fields = fc.dictionary(
      fc.constantFrom(...names, 'session', 'token', 'batch', 'ephemeral', '__proto__'),
      value,
    );
    const text = fc.oneof(
      fc.tuple(type, fields).map(([name, rest]) => JSON.stringify({ ...rest, type: name })),
      fc.json(),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(text, (frame) => {
        try {
          parse(frame);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RoomlogError);
          expect(['bad_frame', 'invalid_room']).toContain((thrown as RoomlogError).code);
        }
      }),
      { numRuns: 500 },
    );
  }, 30_000);
});
