import { expect, it } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Seq } from '../../core/ids.ts';
import type { PublishFrame } from '../protocol/frames.ts';
import type { PendingPublish } from '../publish/pending.ts';
import type { PublishRequest } from '../publish/publish.ts';
import { MAX_UNNUMBERED, type PublishOwner, UnansweredPublishes } from './unanswered-publishes.ts';

it('bounds what a client publishes without numbers until answers come', () => {
  const produced: PublishRequest[] = [];
  const owner = {
    services: {
      publisher: { submit: (request: PublishRequest) => produced.push(request) },
      clock: { monotonic: () => 0 },
      metrics: { published: () => {} },
    },
    principal: { user: 'u' },
    encoding: { ack: () => '' },
    answer: () => {},
  };
  const publishes = new UnansweredPublishes(owner as unknown as PublishOwner);
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
