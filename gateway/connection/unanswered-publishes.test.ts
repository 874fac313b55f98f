import { expect, it } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Seq } from '../../core/ids.ts';
import { PUBLISHER_WINDOW } from '../../core/log/record.ts';
import type { PublishFrame } from '../protocol/frames.ts';
import type { PendingPublish } from '../publish/pending.ts';
import type { PublishRequest } from '../publish/publish.ts';
import { MAX_UNNUMBERED, type PublishOwner, UnansweredPublishes } from './unanswered-publishes.ts';

const ownerOf = (produced: PublishRequest[]) => {
  const owner = {
    services: {
      publisher: { submit: (request: PublishRequest) => produced.push(request) },
      clock: { monotonic: () => 0 },
      metrics: { published: () => {} },
    },
    principal: { user: 'u' },
    session: 's',
    encoding: { ack: () => '' },
    answer: () => {},
  };
  return owner as unknown as PublishOwner;
};

it('bounds what a client publishes with numbers in each room until answers come', () => {
  const produced: PublishRequest[] = [];
  const publishes = new UnansweredPublishes(ownerOf(produced));
  const rooms = Array.from({ length: 20 }, (_, index) => `room/${index}`);
  const stored = { contentType: null, data: Buffer.from('1'), schemaId: null };
  const publish = (room: string): void =>
    publishes.submit({ id: 1, room, pub: 1, event: 'e', ttlMs: null } as unknown as PublishFrame, stored);
  const acked = (room: string): void =>
    publishes.onAcked({ room, pub: 1, startedAtMs: 0 } as unknown as PendingPublish, 1 as Seq, null, false);
  for (let round = 1; round <= 2; round += 1) {
    for (const room of rooms) for (let count = 0; count < PUBLISHER_WINDOW; count += 1) publish(room);
    for (const room of rooms) expect(() => publish(room)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
    for (const room of rooms) acked(room);
    for (const room of rooms) publish(room);
    for (const room of rooms) expect(() => publish(room)).toThrow(expect.objectContaining({ code: 'rate_limited' }));
    for (const room of rooms) for (let count = 0; count < PUBLISHER_WINDOW; count += 1) acked(room);
  }
  expect(produced.length).toBe(2 * 20 * (PUBLISHER_WINDOW + 1));
});

it('bounds what a client publishes without numbers until answers come', () => {
  const produced: PublishRequest[] = [];
  const publishes = new UnansweredPublishes(ownerOf(produced));
  const publish = (room: string): void =>
    publishes.submit({ id: 1, room, pub: null, event: 'e', ttlMs: null } as unknown as PublishFrame, {
      contentType: null,
      data: Buffer.from('1'),
      schemaId: null,
    });
  // Whatever their rooms are.
  for (let index = 0; index < MAX_UNNUMBERED; index += 1) publish(`room/${index}`);
  expect(() => publish('room/x')).toThrow(RoomlogError);
  expect(() => publish('room/x')).toThrow(
    expect.objectContaining({ code: 'rate_limited', details: { retryAfter: 50 } }),
  );
  expect(produced.length).toBe(1_024);
  publishes.onAcked({ pub: null, startedAtMs: 0 } as unknown as PendingPublish, 1 as Seq, null, false);
  publish('room/x');
  expect(() => publish('room/x')).toThrow(RoomlogError);
});
