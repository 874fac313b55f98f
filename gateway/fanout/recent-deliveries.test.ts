import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { type Offset, type Partition, type RoomId, type Seq, seq as seqOf } from '../../core/ids.ts';
import { jsonEncoding } from '../protocol/json.ts';
import { RecentDeliveries, type Written } from './recent-deliveries.ts';

const LOBBY = 'lobby' as RoomId;
const PLAIN = { encoding: jsonEncoding, batch: false, deflate: null };
const BATCH = { ...PLAIN, batch: true };
const DEFLATED = { ...PLAIN, deflate: { deflate: (payload: Buffer) => payload } };
const BYTES = Buffer.alloc(100);

const written = (after: number, last: number, room = 'lobby', partition = 0): Written => ({
  room: room as RoomId,
  partition: partition as Partition,
  after,
  last: seqOf(last) as Seq,
  next: (last + 1) as Offset,
  count: last - after,
});

it('gives what was written to whoever has the same events of the room and takes them in the same form', () => {
  const recent = new RecentDeliveries(1_000_000);
  recent.keep(written(4, 6), PLAIN, BYTES, 0);
  expect(recent.after(LOBBY, 4, PLAIN)).toEqual({ written: expect.objectContaining(written(4, 6)), bytes: BYTES });
  expect(recent.after(LOBBY, 4, PLAIN)?.bytes).toBe(BYTES);
  expect(recent.after(LOBBY, 5, PLAIN)).toBeNull();
  expect(recent.after('hall' as RoomId, 4, PLAIN)).toBeNull();
  for (const other of [BATCH, DEFLATED, { ...PLAIN, encoding: { ...jsonEncoding } }]) {
    expect(recent.after(LOBBY, 4, other)).toBeNull();
  }
});

it('keeps several forms of the same events, and of events that end elsewhere the newer alone', () => {
  const recent = new RecentDeliveries(1_000_000);
  const [plain, batched, longer] = [Buffer.from('plain'), Buffer.from('batched'), Buffer.from('longer')];
  recent.keep(written(0, 2), PLAIN, plain, 0);
  recent.keep(written(0, 2), BATCH, batched, 0);
  expect(recent.after(LOBBY, 0, PLAIN)?.bytes).toBe(plain);
  expect(recent.after(LOBBY, 0, BATCH)?.bytes).toBe(batched);
  recent.keep(written(0, 3), PLAIN, longer, 0);
  expect(recent.after(LOBBY, 0, PLAIN)).toMatchObject({ written: { last: 3 }, bytes: longer });
  expect(recent.after(LOBBY, 0, BATCH)).toBeNull();
});

it('forgets the oldest, and counts what it keeps', () => {
  const one = new RecentDeliveries(1_000_000);
  one.keep(written(0, 1), PLAIN, BYTES, 0);
  const recent = new RecentDeliveries(4 * one.bytes);
  for (let after = 0; after < 5; after += 1) recent.keep(written(after, after + 1), PLAIN, BYTES, 0);
  expect(recent.after(LOBBY, 0, PLAIN)).toBeNull();
  for (let after = 1; after < 5; after += 1) expect(recent.after(LOBBY, after, PLAIN)).not.toBeNull();
  expect(recent.bytes).toBe(4 * one.bytes);
  recent.keep(written(4, 5), PLAIN, BYTES, 0);
  expect(recent.bytes).toBe(4 * one.bytes);
});

it('forgets a partition, and does not keep what was read before it did', () => {
  const recent = new RecentDeliveries(1_000_000);
  recent.keep(written(0, 1), PLAIN, BYTES, 0);
  recent.keep(written(0, 1, 'hall', 1), PLAIN, BYTES, 0);
  const { generation } = recent;
  recent.forget(0 as Partition);
  expect(recent.after(LOBBY, 0, PLAIN)).toBeNull();
  expect(recent.after('hall' as RoomId, 0, PLAIN)).not.toBeNull();
  recent.keep(written(0, 1), PLAIN, BYTES, generation);
  expect(recent.after(LOBBY, 0, PLAIN)).toBeNull();
  recent.keep(written(0, 1), PLAIN, BYTES, recent.generation);
  expect(recent.after(LOBBY, 0, PLAIN)).not.toBeNull();
});
