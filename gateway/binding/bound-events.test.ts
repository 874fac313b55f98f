import { Buffer } from 'node:buffer';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { SubjectVersion } from '../../core/ports/subject-store.ts';
import type { Codec } from '../../schemas/codec.ts';
import { AVRO_PAYLOAD, PayloadSchema } from '../../schemas/payload-schema.ts';
import { awaitSchemas } from './await-schemas.ts';
import { BoundEvents, SCHEMA_WAIT_MS } from './bound-events.ts';

const TEXT = '{"type":"map","values":"long"}';
const schema = (id: number): PayloadSchema => new PayloadSchema(id, TEXT);
const eventOf = (id: number, event = 'bound') => ({
  event,
  contentType: AVRO_PAYLOAD,
  data: schema(id).encode({ a: 1 }),
});

/** A registry that a test tells what to do. */
class Store {
  found: SubjectVersion[] = [];
  looks = 0;
  loads = 0;
  load = async (_id: number): Promise<string> => {
    this.loads += 1;
    return TEXT;
  };
  versions = async (): Promise<SubjectVersion[]> => {
    this.looks += 1;
    if (this.found.length === 0) throw new RoomlogError('registry_unreachable');
    return this.found;
  };
}

let store: Store;
let opaque: number;
const open = (refreshMs = 60_000): BoundEvents =>
  new BoundEvents({
    bindings: [
      { event: 'bound', subject: 's' },
      { event: 'also', subject: 's' },
    ],
    store,
    refreshMs,
    clock: { monotonic: () => Date.now() },
    logger: silentLog,
    onOpaque: () => {
      opaque += 1;
    },
  });

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  store = new Store();
  opaque = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

const codeOf = (work: () => unknown): unknown => {
  try {
    work();
  } catch (thrown) {
    return (thrown as RoomlogError).code;
  }
  return null;
};
const JSON_DATA = { contentType: null, data: Buffer.from('{"a":1}') };

describe('bound events', () => {
  it('look at a subject once for all events that are bound to it, and again after a while', async () => {
    store.found = [{ id: 1, version: 1, schema: TEXT }];
    const bound = open(60_000);
    await bound.start();
    expect(store.looks).toBe(1);
    store.found = [{ id: 2, version: 2, schema: TEXT }, ...store.found];
    expect(bound.stored('also', JSON_DATA).schemaId).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(bound.stored('bound', JSON_DATA).schemaId).toBe(2);
    expect(store.looks).toBe(2);
    bound.stop();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(store.looks).toBe(2);
  });

  it('ask a registry that is away no more than once a second, however many publish', async () => {
    const bound = open();
    await bound.start();
    for (let count = 0; count < 100; count += 1) {
      expect(codeOf(() => bound.stored('bound', JSON_DATA))).toBe('unavailable');
      await vi.advanceTimersByTimeAsync(30);
    }
    expect(store.looks).toBeLessThanOrEqual(4);
    store.found = [{ id: 1, version: 1, schema: TEXT }];
    await vi.advanceTimersByTimeAsync(1_000);
    codeOf(() => bound.stored('bound', JSON_DATA));
    await vi.advanceTimersByTimeAsync(0);
    expect(codeOf(() => bound.stored('bound', JSON_DATA))).toBeNull();
    bound.stop();
  });

  it('refuse an id that is not the subject’s only when the registry has said so', async () => {
    store.found = [{ id: 1, version: 1, schema: TEXT }];
    const bound = open();
    await bound.start();
    await vi.advanceTimersByTimeAsync(2_000);
    const publish = (): unknown => codeOf(() => bound.stored('bound', eventOf(9)));
    expect(publish()).toBe('unavailable');
    await vi.advanceTimersByTimeAsync(1_000);
    publish();
    await vi.advanceTimersByTimeAsync(0);
    expect(publish()).toBe('schema_rejected');
    store.found = [{ id: 9, version: 2, schema: TEXT }, ...store.found];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(publish()).toBeNull();
    bound.stop();
  });

  it('keep what they know where the registry forgets or fails', async () => {
    store.found = [{ id: 1, version: 1, schema: TEXT }];
    const bound = open(1_000);
    await bound.start();
    store.found = [];
    await vi.advanceTimersByTimeAsync(10_000);
    expect(bound.stored('bound', JSON_DATA).schemaId).toBe(1);
    bound.stop();
  });

  it('pass over a version that can not be used', async () => {
    store.found = [
      { id: 2, version: 2, schema: '{"type":"nonsense"}' },
      { id: 1, version: 1, schema: TEXT },
    ];
    const bound = open();
    await bound.start();
    expect(bound.stored('bound', JSON_DATA).schemaId).toBe(1);
    bound.stop();
  });
});

describe('a reader', () => {
  const codecOf = (...events: object[]): Codec =>
    ({ decodeOutbound: () => ({ event: events[0] }), ensureSchema: async () => {} }) as unknown as Codec;
  const record = Buffer.alloc(0);

  it('waits for the schema of a bound event’s data, once', async () => {
    const bound = open();
    const event = eventOf(7);
    const codec = awaitSchemas(codecOf(event), bound);
    expect(codec.decodeOutbound(record)).toEqual({ unknownSchema: -7 });
    await codec.ensureSchema(-7);
    expect(codec.decodeOutbound(record)).toEqual({ event });
    expect(bound.jsonOf(event as never)?.toString()).toBe('{"a":1}');
    expect([store.loads, opaque]).toEqual([1, 0]);
  });

  it('goes on without a schema that does not come in time, for a while', async () => {
    store.load = async () => {
      store.loads += 1;
      return await new Promise<string>(() => {});
    };
    const bound = open();
    const event = eventOf(7);
    const codec = awaitSchemas(codecOf(event), bound);
    codec.decodeOutbound(record);
    const waiting = codec.ensureSchema(-7);
    await vi.advanceTimersByTimeAsync(SCHEMA_WAIT_MS);
    await waiting;
    expect(codec.decodeOutbound(record)).toEqual({ event });
    expect(bound.jsonOf(event as never)).toBeNull();
    expect(opaque).toBe(1);
    // Nor does it wait for others, one by one, while the registry is away.
    expect(bound.missing(eventOf(8) as never)).toBeNull();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(bound.missing(eventOf(8) as never)).toBe(8);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(codec.decodeOutbound(record)).toEqual({ unknownSchema: -7 });
  });

  it('waits for nothing that is not bound, not Avro, or has no id', () => {
    const bound = open();
    const data = eventOf(7).data;
    const events = [
      eventOf(7, 'other'),
      { event: 'bound', contentType: null, data },
      { event: 'bound', contentType: 'image/png', data },
      { event: 'bound', contentType: AVRO_PAYLOAD, data: Buffer.from('no') },
    ];
    for (const event of events) expect(awaitSchemas(codecOf(event), bound).decodeOutbound(record)).toEqual({ event });
    expect(awaitSchemas(codecOf(null as never), bound).decodeOutbound(record)).toEqual({ event: null });
  });
});
