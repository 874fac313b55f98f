import { Buffer } from 'node:buffer';
import { expect, test } from 'vitest';
import { roomId, seq } from '../../core/ids.ts';
import { batchFrame, eventFrame, gapFrame, liveFrame } from './event-frame.ts';
import { jsonEncoding } from './json.ts';
import { event } from './stored-event.fixture.ts';

test('an event frame carries exactly the data bytes of the log', () => {
  const text = eventFrame(event()).toString();
  expect(text).toContain('"data":{"n":12345678901234567890}}');
  expect(JSON.parse(text)).toMatchObject({
    type: 'event',
    room: 'a/"b"/é',
    seq: 7,
    cursor: 'abc',
    time: 1_700_000_000_000,
    user: 'al"ice',
    session: '0198c0de-0000-7000-8000-000000000001',
    pub: 2,
    event: 'say',
  });
});

test('an event without session and pub leaves both out', () => {
  const frame = JSON.parse(eventFrame(event({ session: null, pub: null })).toString());
  expect(frame).not.toHaveProperty('session');
  expect(frame).not.toHaveProperty('pub');
  expect(frame).not.toHaveProperty('contentType');
});

test('opaque data travels as base64 with its content type', () => {
  const frame = JSON.parse(
    eventFrame(event({ contentType: 'image/png', data: new Uint8Array([1, 2, 255]) })).toString(),
  );
  expect(frame.contentType).toBe('image/png');
  expect(Buffer.from(frame.data, 'base64')).toEqual(Buffer.from([1, 2, 255]));
});

test('a batch holds the event frames in order', () => {
  const frames = [1, 2, 3].map((number) => eventFrame(event({ seq: seq(number) })));
  const batch = JSON.parse(batchFrame(frames).toString());
  expect(batch.type).toBe('batch');
  expect(batch.events.map((body: { seq: number }) => body.seq)).toEqual([1, 2, 3]);
  expect(JSON.parse(batchFrame([]).toString()).events).toEqual([]);
});

test('gap, live and joined frames are JSON with the fields of the protocol', () => {
  expect(JSON.parse(gapFrame(roomId('r'), seq(1), seq(4), 'c', 'retention').toString())).toEqual({
    type: 'gap',
    room: 'r',
    from: 1,
    to: 4,
    cursor: 'c',
    reason: 'retention',
  });
  expect(JSON.parse(liveFrame(roomId('r'), seq(4), 'c').toString())).toEqual({
    type: 'live',
    room: 'r',
    seq: 4,
    cursor: 'c',
  });
  const head = { seq: seq(4), cursor: 'c', recovered: false };
  expect(JSON.parse(jsonEncoding.joined(5, roomId('r'), head, null).toString())).toEqual({
    type: 'joined',
    id: 5,
    room: 'r',
    seq: 4,
    cursor: 'c',
    recovered: false,
  });
  expect(JSON.parse(jsonEncoding.joined(5, roomId('r'), head, []).toString()).members).toEqual([]);
});
