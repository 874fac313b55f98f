import { expect, test } from 'vitest';
import type { InboundEvent, SequencedEvent } from '../../core/log/record.ts';
import { inboundEvent } from '../../test/support/memory-stream.ts';
import { differencesOfEvent } from './content.ts';

const asked: InboundEvent = inboundEvent({
  key: 'k',
  origin: Buffer.from('o'),
  contentType: 'a/b',
  expiresAt: 5,
  traceparent: 't',
});
const sequenced = { ...asked, seq: 1, time: 0, prev: -1 } as unknown as SequencedEvent;

test('every field that an event has in common with what was asked for is compared', () => {
  expect(differencesOfEvent(asked, { ...sequenced, data: Buffer.from(asked.data) })).toEqual([]);
  for (const field of Object.keys(asked) as Array<keyof InboundEvent>) {
    const value = asked[field];
    const other = value instanceof Uint8Array ? Buffer.from('?') : typeof value === 'number' ? value + 1 : `${value}?`;
    expect(differencesOfEvent(asked, { ...sequenced, [field]: other })).toEqual([field]);
    if (field !== 'room' && field !== 'user' && field !== 'event' && field !== 'data') {
      expect(differencesOfEvent(asked, { ...sequenced, [field]: null })).toEqual(value === null ? [] : [field]);
    }
  }
});
