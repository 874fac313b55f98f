import type { Buffer } from 'node:buffer';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Offset, type Partition, seq as seqOf } from '../../core/ids.ts';
import { LogEvent } from '../history/log-event.ts';
import { jsonEncoding } from '../protocol/json.ts';
import { inboundEvent } from '../tail/test-sequencer.fixture.ts';
import { unframe } from '../tail/test-sink.fixture.ts';
import { Delivery } from './delivery.ts';

const event = (seq: number, expiresAt: number | null = null, data: unknown = seq): LogEvent =>
  new LogEvent('stream', 0 as Partition, (seq + 10) as Offset, {
    ...inboundEvent('lobby', data, { expiresAt }),
    seq: seqOf(seq),
    time: 1_000,
    prev: -1 as Offset,
  });
const PLAIN = { encoding: jsonEncoding, batch: false, deflate: null };
const BATCH = { encoding: jsonEncoding, batch: true, deflate: null };
const parse = (framed: Buffer): Array<Record<string, unknown>> => unframe(framed).map((text) => JSON.parse(text));

describe('a delivery', () => {
  it('is one message per event, or one batch', () => {
    const delivery = new Delivery([event(1), event(2)], 0);
    expect(parse(delivery.framed(PLAIN)).map(({ type, seq }) => [type, seq])).toEqual([
      ['event', 1],
      ['event', 2],
    ]);
    expect(parse(delivery.framed(BATCH))).toMatchObject([{ type: 'batch', events: [{ seq: 1 }, { seq: 2 }] }]);
    expect(delivery.framed(PLAIN)).toBe(delivery.framed(PLAIN));
  });

  it('is compressed once for all who take it in the same form', () => {
    const deflated: number[] = [];
    const deflate = {
      deflate: (payload: Buffer): Buffer => {
        deflated.push(payload.length);
        return deflateRawSync(payload);
      },
    };
    const delivery = new Delivery([event(1), event(2)], 0);
    const [one, other] = [PLAIN, PLAIN].map((form) => delivery.framed({ ...form, deflate }));
    expect(other).toBe(one);
    expect(deflated).toHaveLength(2);
    const [batch, sameBatch] = [BATCH, BATCH].map((form) => delivery.framed({ ...form, deflate }));
    expect(sameBatch).toBe(batch);
    expect(deflated).toHaveLength(3);
  });

  it('keeps batches below their limit, but never splits an event', () => {
    const large = 'x'.repeat(20_000);
    const events = [
      event(1, null, large),
      event(2, null, large),
      event(3),
      event(4, null, 'x'.repeat(60_000)),
      event(5),
    ];
    expect(parse(new Delivery(events, 0).framed(BATCH))).toMatchObject([
      { type: 'event', seq: 1 },
      { type: 'batch', events: [{ seq: 2 }, { seq: 3 }] },
      { type: 'event', seq: 4 },
      { type: 'event', seq: 5 },
    ]);
  });

  it('puts one gap in the place of each run of expired events, in order, also within a batch', () => {
    const events = [event(1), event(2, 500), event(3, 400), event(4, 501), event(5), event(6, 1)];
    const delivery = new Delivery(events, 500);
    expect(delivery.gaps).toBe(2);
    const expected = [
      { type: 'event', seq: 1 },
      { type: 'gap', room: 'lobby', from: 2, to: 3, reason: 'expired', cursor: event(3).cursor },
      { type: 'event', seq: 4 },
      { type: 'event', seq: 5 },
      { type: 'gap', from: 6, to: 6, reason: 'expired', cursor: event(6).cursor },
    ];
    expect(parse(delivery.framed(PLAIN))).toMatchObject(expected);
    const [first, gap, four, five, last] = expected;
    expect(parse(delivery.framed(BATCH))).toMatchObject([first, gap, { type: 'batch', events: [four, five] }, last]);
  });
});
