import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { roomId, userId } from '../../core/ids.ts';
import type { EphemeralEvent } from '../stream.ts';
import { packEphemeral, unpackEphemeral } from './ephemeral.ts';

const room = roomId('r');
const event: EphemeralEvent = {
  room,
  user: userId('u'),
  session: 's',
  event: 'typing',
  contentType: null,
  data: Buffer.from('{"n":12345678901234567890}'),
  time: 5,
};

describe('an ephemeral event between gateways', () => {
  it('comes as it went, whatever its data is', () => {
    expect(unpackEphemeral(room, packEphemeral(event))).toEqual(event);
    const opaque = { ...event, contentType: 'image/png', data: Buffer.from([0, 255]) };
    expect(unpackEphemeral(room, packEphemeral(opaque))).toEqual(opaque);
  });

  it('of another room, or that is none, is dropped', () => {
    expect(unpackEphemeral(roomId('other'), packEphemeral(event))).toBeNull();
    const fields = { room, user: 'u', session: 's', event: 'e', time: 5, data: 1 };
    expect(unpackEphemeral(room, Buffer.from(JSON.stringify(fields)))).not.toBeNull();
    const wrong = [
      ...Object.keys(fields).map((name) => ({ ...fields, [name]: undefined })),
      { ...fields, contentType: 'image/png' },
      { ...fields, contentType: 5, data: 'AA==' },
      { ...fields, time: 1.5 },
      null,
      [],
      'text',
    ].map((value) => JSON.stringify(value));
    const notUtf8 = Buffer.from(JSON.stringify({ ...fields, data: 'ab' }).replace('ab', '\xff'), 'latin1');
    expect(unpackEphemeral(room, notUtf8)).toBeNull();
    for (const text of [...wrong, '', '{', '}{"a":1']) expect(unpackEphemeral(room, Buffer.from(text))).toBeNull();
  });
});
