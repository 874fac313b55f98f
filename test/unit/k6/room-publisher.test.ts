import { describe, expect, it } from 'vitest';
import { RoomPublisher } from '../../../k6/lib/room-publisher.ts';

interface Sent {
  readonly pub: number;
  readonly data: { n: number; due: number; end?: boolean; pad: string };
}

function publishing({ limit = Number.POSITIVE_INFINITY, endMs = 1_000 as number | null, gapMs = 100 } = {}) {
  const sent: Sent[] = [];
  const told: string[] = [];
  const publisher = new RoomPublisher(
    {
      room: 'a',
      run: 'r',
      from: 3,
      bytes: 200,
      firstDueMs: 0,
      untilMs: gapMs === 0 ? Number.POSITIVE_INFINITY : 1_000,
      gapMs: () => gapMs,
      limit,
      endMs,
    },
    { sent: () => {}, acked: (due) => told.push(`acked ${due}`), refused: (code) => told.push(code) },
  );
  const connect = () => publisher.connected((frame) => sent.push(frame as Sent));
  const pubs = () => sent.splice(0).map(({ pub }) => pub);
  return { publisher, sent, told, connect, pubs };
}
const ack = { type: 'ack' };

describe('a publisher of load', () => {
  it('sends what is due, numbered, with the time at which it was due', () => {
    const { publisher, sent, connect } = publishing();
    connect();
    expect(publisher.tick(250)).toBe(300);
    expect(sent.map(({ pub, data }) => [pub, data.n, data.due])).toEqual([
      [1, 1, 0],
      [2, 2, 100],
      [3, 3, 200],
    ]);
    expect(JSON.stringify(sent[0]?.data).length).toBeGreaterThan(150);
  });

  it('ends the room by a last event, and is finished when that is acked', () => {
    const { publisher, sent, connect } = publishing({ limit: 2, endMs: 5, gapMs: 0 });
    connect();
    expect(publisher.tick(10)).toBeNull();
    expect(sent.map(({ data }) => data.end === true)).toEqual([false, false, true]);
    expect(publisher.finished).toBe(false);
    for (const id of [1, 2, 3]) publisher.answer(id, ack, 10);
    expect(publisher.finished).toBe(true);
  });

  it('keeps at most 32 unanswered', () => {
    const { publisher, connect, pubs } = publishing({ limit: 40, gapMs: 0 });
    connect();
    expect(publisher.tick(0)).toBeNull();
    expect(pubs()).toHaveLength(32);
    publisher.answer(1, ack, 0);
    publisher.tick(0);
    expect(pubs()).toEqual([33]);
  });

  it('sends again what has no answer after a reconnect, in order, under the same numbers', () => {
    const { publisher, connect, pubs } = publishing({ limit: 4, endMs: null, gapMs: 0 });
    connect();
    publisher.tick(0);
    publisher.answer(2, ack, 0);
    pubs();
    publisher.disconnected();
    expect(publisher.tick(10)).toBeNull();
    connect();
    expect(pubs()).toEqual([1, 3, 4]);
  });

  it('waits as long as a refusal asks, then sends all refused ones again, in order', () => {
    const { publisher, told, connect, pubs } = publishing({ limit: 3, endMs: null, gapMs: 0 });
    connect();
    publisher.tick(0);
    pubs();
    expect(publisher.answer(1, { type: 'error', code: 'unavailable', retryAfter: 500 }, 0)).toBe(true);
    expect(publisher.tick(0)).toBeNull();
    publisher.answer(2, { type: 'error', code: 'out_of_order' }, 0);
    publisher.answer(3, { type: 'error', code: 'out_of_order' }, 0);
    expect(publisher.tick(100)).toBe(500);
    expect(pubs()).toEqual([]);
    publisher.tick(500);
    expect(pubs()).toEqual([1, 2, 3]);
    expect(told).toEqual(['unavailable', 'out_of_order', 'out_of_order']);
  });

  it('says when a refusal is final', () => {
    const { publisher, connect } = publishing();
    connect();
    publisher.tick(0);
    expect(publisher.answer(1, { type: 'error', code: 'forbidden' }, 0)).toBe(false);
  });

  it('leaves out what fell due while its client was away on purpose', () => {
    const { publisher, connect, sent } = publishing();
    publisher.skipTo(550);
    connect();
    publisher.tick(600);
    expect(sent.map(({ data }) => data.due)).toEqual([550]);
  });
});
