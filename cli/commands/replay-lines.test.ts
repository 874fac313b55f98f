import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cursorOf, type ReplayedEvent } from '../../consumers/replay/replay.ts';
import { LineBytes } from '../line-bytes.ts';
import { SpareBuffers } from '../spare-buffers.ts';
import { replayLine } from './replay-lines.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 30 }).filter((s) => s.isWellFormed());
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const number = fc.maxSafeInteger().map(Math.abs);
const content = fc.oneof(
  fc.tuple(
    fc.constant(null),
    fc.json().map((json) => Buffer.from(json)),
  ),
  fc.tuple(
    text,
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  ),
);
const events = fc
  .record({
    room: text,
    seq: number,
    time: number,
    user: text,
    session: maybe(text),
    pub: maybe(number),
    event: text,
    content,
  })
  .map(({ content: [contentType, data], ...event }) => ({
    ...event,
    contentType,
    data,
    offset: 4_711,
    streamId: 'stream',
  }));

const line = (format: 'json' | 'text', event: unknown): string => {
  const into = new LineBytes(new SpareBuffers(16));
  replayLine(format)(into, event as ReplayedEvent);
  return Buffer.from(into.take()).toString('utf8');
};

test('a line of JSON is the event’s body as JSON.stringify has it, the data as it stands in the log', () => {
  fc.assert(
    fc.property(events, (event) => {
      const { room, seq, time, user, session, pub, event: name, contentType, data } = event;
      const cursor = cursorOf(event as unknown as ReplayedEvent);
      const inSession = { ...(session === null ? {} : { session }), ...(pub === null ? {} : { pub }) };
      const typed = contentType === null ? {} : { contentType };
      const body = { room, seq, cursor, time, user, ...inSession, event: name, ...typed, data: 0 };
      const shown = contentType === null ? data.toString('utf8') : JSON.stringify(data.toString('base64'));
      expect(line('json', event)).toBe(`${JSON.stringify(body).slice(0, -2)}${shown}}\n`);
    }),
    { numRuns: 500 },
  );
});

test('is one line, whatever line ends the data has', () => {
  const event = {
    room: 'r',
    seq: 1,
    time: 0,
    user: 'u',
    session: null,
    pub: null,
    event: 'e',
    contentType: null,
    offset: 0,
    streamId: '',
  };
  for (const ends of ['\n', '\r', '\r\n', '\n\n']) {
    const data = Buffer.from(`{${ends}"ü":1}`);
    expect(JSON.parse(line('json', { ...event, data }))).toMatchObject({ data: { ü: 1 } });
    for (const format of ['json', 'text'] as const) expect(line(format, { ...event, data })).toMatch(/^[^\r\n]*\n$/);
  }
});
