import { expect, it } from 'vitest';
import { type Offset, type Partition, seq as seqOf } from '../../core/ids.ts';
import { LogEvent } from '../history/log-event.ts';
import { inboundEvent } from '../tail/test-sequencer.fixture.ts';
import { RecentDeliveries } from './recent-deliveries.ts';

const event = (seq: number, expiresAt: number | null = null): LogEvent =>
  new LogEvent('stream', 0 as Partition, seq as Offset, {
    ...inboundEvent('lobby', seq, { expiresAt }),
    seq: seqOf(seq),
    time: 0,
    prev: -1 as Offset,
  });

it('builds what many lack once', () => {
  const recent = new RecentDeliveries(1_000_000);
  const [one, two, three] = [event(1), event(2), event(3)];
  const delivery = recent.of([one, two], 0);
  expect(recent.of([one, two], 5)).toBe(delivery);
  expect(recent.of([one, two, three], 5).last).toBe(three);
  expect(recent.of([two], 5)).not.toBe(delivery);
});

it('asks again whether an event has expired', () => {
  const recent = new RecentDeliveries(1_000_000);
  const events = [event(1), event(2, 100)];
  expect(recent.of(events, 99).gaps).toBe(0);
  expect(recent.of(events, 100).gaps).toBe(1);
});

it('forgets the oldest', () => {
  const events = Array.from({ length: 5 }, (_, index) => event(index + 1));
  const recent = new RecentDeliveries(4 * 251);
  const deliveries = events.map((one) => recent.of([one], 0));
  expect(recent.of([events[1] as LogEvent], 0)).toBe(deliveries[1]);
  expect(recent.of([events[0] as LogEvent], 0)).not.toBe(deliveries[0]);
});
