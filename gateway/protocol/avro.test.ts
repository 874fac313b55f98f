import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import { pub, roomId, seq, sessionId, userId } from '../../core/ids.ts';
import type { Member } from '../../core/ports/presence-store.ts';
import { decodeServerFrame, serverFrameType } from '../../test/support/avro-frames.ts';
import type { EphemeralEvent } from '../stream.ts';
import { avroEncoding } from './avro.ts';
import type { Encoding, Payload } from './encoding.ts';
import { jsonEncoding } from './json.ts';
import { event } from './stored-event.fixture.ts';

const ephemeral: EphemeralEvent = {
  room: roomId('r'),
  user: userId('u'),
  session: 's',
  event: 'typing',
  contentType: null,
  data: Buffer.from('true'),
  time: 5,
};
const member = (connection: string, meta: string | null): Member =>
  ({ user: 'u', connection, since: 1_700_000_000_000, meta }) as unknown as Member;
const two = [member('a', null), member('b', '{"x":[1]}')];
const room = roomId('r');

const frames: Record<string, (encoding: Encoding) => Payload> = {
  welcome: (encoding) =>
    encoding.welcome({
      type: 'welcome',
      connection: 'c' as never,
      gateway: 'g' as never,
      user: userId('u'),
      session: sessionId('s'),
      sessionExpires: 1_800_000_000_000,
      heartbeat: 30_000,
      maxFrame: 65_536,
      expires: 1_700_000_000_001,
      time: 1_700_000_000_000,
    }),
  'joined without members': (encoding) =>
    encoding.joined(1, room, { seq: seq(0), cursor: 'c', recovered: false }, null),
  'joined with none': (encoding) => encoding.joined(1, room, { seq: seq(4), cursor: 'c', recovered: true }, []),
  'joined with members': (encoding) => encoding.joined(1, room, { seq: seq(4), cursor: 'c', recovered: true }, two),
  left: (encoding) => encoding.left(2, room),
  ack: (encoding) => encoding.ack({ id: 1, room, pub: pub(3), seq: seq(4_000_000_000), cursor: 'c', duplicate: true }),
  'a bare ack': (encoding) => encoding.ack({ id: -1, room, pub: null, seq: null, cursor: null, duplicate: false }),
  error: (encoding) =>
    encoding.error(new RoomlogError('out_of_order', 'no', { details: { expected: 3, secret: 1 } }), 5, room),
  'an error that comes again': (encoding) => encoding.error(new RoomlogError('unavailable')),
  'an error of a field': (encoding) =>
    encoding.error(new RoomlogError('bad_frame', 'é', { details: { path: 'a.b' } }), 5),
  members: (encoding) => encoding.members(6, room, { room, version: 9, members: two, count: 2 } as never),
  presence: (encoding) => encoding.presence({ room, version: 9, joined: two, left: [] } as never),
  pong: (encoding) => encoding.pong(2 ** 52),
  reconnect: (encoding) => encoding.reconnect(250, 'restart'),
  event: (encoding) => encoding.event(event()),
  'an event without session': (encoding) => encoding.event(event({ session: null, pub: null })),
  ephemeral: (encoding) => encoding.ephemeral(ephemeral),
  batch: (encoding) => encoding.batch([1, 2, 3].map((number) => encoding.event(event({ seq: seq(number) })))),
  gap: (encoding) => encoding.gap(room, seq(1), seq(4), 'c', 'retention'),
  live: (encoding) => encoding.live(room, seq(4), 'c'),
};

describe('in Avro', () => {
  test.each(Object.keys(frames))('%s says what it says in JSON, in the schema’s only form', (name) => {
    const build = frames[name] as (encoding: Encoding) => Payload;
    const bytes = build(avroEncoding) as Buffer;
    expect(decodeServerFrame(bytes)).toEqual(JSON.parse(build(jsonEncoding).toString()));
    expect(serverFrameType.toBuffer(serverFrameType.fromBuffer(bytes))).toEqual(bytes);
  });

  test('data is carried as it is, with its content type', () => {
    const data = Buffer.from([0, 255, 1]);
    const opaque = event({ contentType: 'image/png', data });
    expect(decodeServerFrame(avroEncoding.event(opaque))).toMatchObject({ contentType: 'image/png', data });
  });

  test('many events of all sizes make one batch', () => {
    const many = Array.from({ length: 300 }, (_, index) => event({ data: Buffer.from(`"${'x'.repeat(index * 7)}"`) }));
    const { events } = decodeServerFrame(avroEncoding.batch(many.map((one) => avroEncoding.event(one))));
    expect((events as { data: string }[]).map(({ data }) => data.length)).toEqual(many.map((_, index) => index * 7));
    expect(decodeServerFrame(avroEncoding.batch([]))).toEqual({ type: 'batch', events: [] });
  });

  test('a wait of a fraction of a millisecond is rounded up', () => {
    const error = new RoomlogError('rate_limited', undefined, { details: { retryAfter: 0.25 } });
    expect(decodeServerFrame(avroEncoding.error(error) as Buffer)).toMatchObject({ retryAfter: 1 });
  });

  test('what Redis holds for meta can only be JSON', () => {
    const list = [member('a', '{broken')];
    const bytes = avroEncoding.joined(1, room, { seq: seq(0), cursor: 'c', recovered: false }, list) as Buffer;
    const read = serverFrameType.fromBuffer(bytes)['io.roomlog.v1.server.Joined'];
    expect(read.members[0].meta).toBe('null');
  });
});
