/** A codec that knows the schemas of a test, an event, and what is thrown by whoever reads it. */
import { RoomlogError } from '../core/errors.ts';
import type { OutboundRecord, SequencedEvent } from '../core/log/record.ts';
import type { SchemaStore } from '../core/ports/schema-store.ts';
import { type Codec, createCodec } from './codec.ts';

export const IDS = { inboundId: 7, outboundId: 300, deadLetterId: 70_000, snapshotId: 70_001 };

function storeOf(texts: Record<number, string> = {}): SchemaStore {
  const seen = new Set<number>();
  return {
    known: (id) => (seen.has(id) ? texts[id] : undefined),
    load: async (id) => {
      const text = texts[id];
      if (text === undefined) throw new RoomlogError('schema_not_found');
      seen.add(id);
      return text;
    },
  };
}

export const codecWith = (texts?: Record<number, string>): Codec => createCodec({ ...IDS, store: storeOf(texts) });
export const codec = codecWith();

export const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (thrown) {
    return thrown instanceof RoomlogError ? thrown.code : `not ours: ${thrown}`;
  }
  return 'nothing thrown';
};

/** Byte arrays as Buffers, all the way down, so that `toEqual` compares contents. */
export const plain = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
};

export const sample: SequencedEvent = {
  room: 'lobby',
  seq: 3,
  time: 1_700_000_000_000,
  prev: -1,
  user: 'ada',
  session: null,
  pub: null,
  key: null,
  origin: null,
  event: 'said',
  contentType: null,
  data: Buffer.from('{"text":"hi"}'),
  expiresAt: null,
  traceparent: null,
} as unknown as SequencedEvent;

export const outbound = (event: SequencedEvent): OutboundRecord =>
  ({
    epoch: 5,
    inbound: 9,
    prevInbound: 8,
    inboundTime: 1_700_000_000_000,
    claim: null,
    event,
    answer: null,
    skipped: null,
  }) as OutboundRecord;
