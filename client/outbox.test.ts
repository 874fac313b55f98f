import { describe, expect, it } from 'vitest';
import { errorOf } from './connection.ts';
import type { RoomlogClientError } from './errors.ts';
import { MAX_UNANSWERED, Outbox, Publish, type Published } from './outbox.ts';

interface Tracked {
  readonly publish: Publish;
  published?: Published;
  error?: RoomlogClientError;
}

/** An outbox with `count` publishes that were all sent once. */
function sent(count: number): { outbox: Outbox; all: Tracked[]; numbers(): number[] } {
  const outbox = new Outbox('r');
  const all: Tracked[] = [];
  for (let index = 0; index < count; index += 1) {
    const tracked: Tracked = {
      publish: new Publish('e', String(index), Number.POSITIVE_INFINITY, {
        resolve: (published) => {
          tracked.published = published;
        },
        reject: (error) => {
          tracked.error = error;
        },
      }),
    };
    all.push(tracked);
    outbox.add(tracked.publish);
  }
  pump(outbox);
  return { outbox, all, numbers: () => pump(outbox) };
}

/** Sends all that may be sent; the numbers in their order. */
function pump(outbox: Outbox): number[] {
  const numbers: number[] = [];
  for (let publish = outbox.nextToResend(); publish; publish = outbox.nextToResend()) {
    outbox.sent(publish);
    numbers.push(publish.pub);
  }
  for (let publish = outbox.peek(); publish; publish = outbox.peek()) {
    outbox.number();
    outbox.sent(publish);
    numbers.push(publish.pub);
  }
  return numbers;
}

function refuse({ outbox, all }: { outbox: Outbox; all: Tracked[] }, index: number, code: string, more: object = {}) {
  const publish = all[index]?.publish;
  if (!publish) throw new Error('no such publish');
  const frame = { type: 'error' as const, id: 1, code, message: code, ...more };
  return outbox.refused(publish, frame, errorOf(frame));
}

function ack({ outbox, all }: { outbox: Outbox; all: Tracked[] }, index: number) {
  const publish = all[index]?.publish;
  if (!publish) throw new Error('no such publish');
  return outbox.acked(publish, { type: 'ack', id: 1, seq: index + 1 });
}

function lose({ outbox, all }: { outbox: Outbox; all: Tracked[] }) {
  for (const { publish } of all) if (publish.inFlight) outbox.lost(publish);
}

describe('Outbox', () => {
  it('numbers publishes 1, 2, 3, … with at most 32 unanswered', () => {
    const box = sent(40);
    expect(box.all.map(({ publish }) => publish.pub)).toEqual([
      ...Array.from({ length: MAX_UNANSWERED }, (_, index) => index + 1),
      ...Array.from({ length: 8 }, () => 0),
    ]);
    ack(box, 0);
    ack(box, 1);
    expect(box.numbers()).toEqual([33, 34]);
  });

  it('sends everything unanswered again in order, with the same numbers, before anything new', () => {
    const box = sent(34);
    ack(box, 0);
    lose(box);
    expect(box.numbers()).toEqual([...Array.from({ length: 31 }, (_, index) => index + 2), 33]);
  });

  it('gives a finally refused number to the next publish when nothing was sent behind it', () => {
    const box = sent(1);
    expect(refuse(box, 0, 'forbidden')).toEqual({ kind: 'go_on' });
    expect(box.all[0]?.error).toMatchObject({ code: 'forbidden', details: { outcome: 'not_published' } });
    box.outbox.add(new Publish('e', '9', Number.POSITIVE_INFINITY, { resolve: () => {}, reject: () => {} }));
    expect(box.numbers()).toEqual([1]);
  });

  it('needs no new session when everything behind a refused number is refused as well', () => {
    const box = sent(3);
    for (const index of [0, 1, 2]) expect(refuse(box, index, 'forbidden')).toEqual({ kind: 'go_on' });
    expect(box.outbox.broken).toBe(false);
  });

  it('moves what was sent behind a refused number to a new session, where it keeps its order', () => {
    const box = sent(4);
    ack(box, 0);
    refuse(box, 1, 'too_large');
    expect(box.outbox.peek()).toBeNull();
    expect(refuse(box, 2, 'out_of_order', { expected: 2 })).toEqual({ kind: 'rotate' });
    expect(box.outbox.quiet).toBe(false);
    expect(refuse(box, 3, 'out_of_order', { expected: 2 })).toEqual({ kind: 'rotate' });
    expect(box.outbox.quiet).toBe(true);
    expect(box.numbers()).toEqual([]);
    box.outbox.restart();
    expect(box.numbers()).toEqual([1, 2]);
    expect(box.all.map(({ publish }) => publish.data)).toEqual(['0', '1', '2', '3']);
    expect(box.all[2]?.publish.pub).toBe(1);
    expect(box.all.every(({ error }, index) => (index === 1) === (error !== undefined))).toBe(true);
  });

  it('moves even those whose outcome is open, since nothing behind a refused number can ever be sequenced', () => {
    const box = sent(2);
    refuse(box, 0, 'schema_rejected', { path: 'a' });
    lose(box);
    expect(box.outbox.quiet).toBe(true);
    box.outbox.restart();
    expect(box.all[1]?.error).toBeUndefined();
    expect(box.numbers()).toEqual([1]);
  });

  it('tries a rate-limited publish again under its number', () => {
    const box = sent(2);
    expect(refuse(box, 0, 'rate_limited', { retryAfter: 70 })).toEqual({ kind: 'hold', waitMs: 70, everywhere: true });
    expect(refuse(box, 1, 'session_unknown')).toEqual({ kind: 'go_on' });
    expect(box.numbers()).toEqual([1, 2]);
  });

  it('waits for the expected number when a later one came too early, and does not send that in a loop', () => {
    const box = sent(3);
    expect(refuse(box, 1, 'out_of_order', { expected: 1 })).toEqual({ kind: 'go_on' });
    expect(box.numbers()).toEqual([]);
    expect(refuse(box, 2, 'out_of_order', { expected: 1 })).toEqual({ kind: 'go_on' });
    refuse(box, 0, 'unavailable', { retryAfter: 5 });
    expect(box.numbers()).toEqual([1, 2, 3]);
  });

  it('gives up a number that a re-send was refused for, because its first try may have been sequenced', () => {
    const box = sent(1);
    lose(box);
    box.numbers();
    expect(refuse(box, 0, 'forbidden')).toEqual({ kind: 'rotate' });
    expect(box.all[0]?.error?.details.outcome).toBe('unknown');
    expect(box.outbox.broken).toBe(true);
  });

  it('takes judged publishes into a new session when theirs is unknown, and rejects those in doubt', () => {
    const box = sent(3);
    ack(box, 0);
    lose(box);
    box.numbers();
    expect(refuse(box, 1, 'session_unknown')).toEqual({ kind: 'rotate' });
    box.outbox.add(new Publish('e', 'new', Number.POSITIVE_INFINITY, { resolve: () => {}, reject: () => {} }));
    refuse(box, 2, 'session_unknown');
    expect(box.outbox.quiet).toBe(true);
    box.outbox.restart();
    // Their first tries were lost with the connection: sequenced or not, nobody knows.
    expect(box.all.slice(1).map(({ error }) => error?.code)).toEqual(['outcome_unknown', 'outcome_unknown']);
    expect(box.numbers()).toEqual([1]);
  });

  it('loses nothing when a session is unknown on the first try', () => {
    const box = sent(2);
    refuse(box, 0, 'session_unknown');
    refuse(box, 1, 'session_unknown');
    box.outbox.restart();
    expect(box.numbers()).toEqual([1, 2]);
    expect(box.all.every(({ error }) => error === undefined)).toBe(true);
  });

  it('rejects a number that was used for other content, and moves on in a new session', () => {
    const box = sent(2);
    expect(refuse(box, 0, 'session_in_use')).toEqual({ kind: 'rotate' });
    expect(box.all[0]?.error?.code).toBe('session_in_use');
    refuse(box, 1, 'session_in_use');
    box.outbox.restart();
    expect(box.outbox.broken).toBe(false);
  });

  it('says of each publish at the end whether it may have been published', () => {
    const box = sent(33);
    box.outbox.abandon(errorOf({ type: 'error', code: 'closed', message: 'closed' }));
    expect(box.all[0]?.error?.details.outcome).toBe('unknown');
    expect(box.all[32]?.error?.details.outcome).toBe('not_published');
  });
});
