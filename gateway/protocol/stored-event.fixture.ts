/** An event of the log as the tail hands it on, with every kind of character that a frame must escape. */
import { Buffer } from 'node:buffer';
import { offset, partition, pub, roomId, seq, sessionId, userId } from '../../core/ids.ts';
import type { StoredEvent } from '../stream.ts';

export const event = (overrides: Partial<StoredEvent> = {}): StoredEvent => ({
  room: roomId('a/"b"/é'),
  seq: seq(7),
  time: 1_700_000_000_000,
  prev: offset(3),
  user: userId('al"ice'),
  session: sessionId('0198c0de-0000-7000-8000-000000000001'),
  pub: pub(2),
  key: null,
  origin: null,
  event: 'say',
  contentType: null,
  data: Buffer.from('{"n":12345678901234567890}'),
  expiresAt: null,
  traceparent: null,
  partition: partition(0),
  offset: offset(9),
  cursor: 'abc',
  ...overrides,
});
