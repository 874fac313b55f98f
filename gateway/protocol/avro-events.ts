/**
 * The frames inside a subscription, in the Avro of schemas/server-frame.avsc. An event's `data` is copied as the log holds it, once per
 * event, whatever the number of members.
 *
 *     event   | 0x04: branch 2 | room … contentType | length, data |
 *     batch   | 0x08: branch 4 | count | the events, each without its branch | 0x00 |
 */
import { Buffer } from 'node:buffer';
import type { RoomId, Seq } from '../../core/ids.ts';
import { AvroScratch } from '../../schemas/avro-scratch.ts';
import type { EphemeralEvent, GapReason, StoredEvent } from '../stream.ts';
import { SERVER_BRANCH } from './avro-branches.ts';

const scratch = new AvroScratch();
/** A branch below 64 takes one byte. */
const BRANCH_BYTES = 1;
const BATCH_BRANCH = 2 * SERVER_BRANCH.batch;

export function eventFrame(event: StoredEvent): Buffer {
  return scratch
    .begin()
    .long(SERVER_BRANCH.event)
    .string(event.room)
    .long(event.seq)
    .string(event.cursor)
    .long(event.time)
    .string(event.user)
    .optionalString(event.session)
    .optionalLong(event.pub)
    .string(event.event)
    .optionalString(event.contentType)
    .bytes(event.data)
    .take();
}

/** Joins event frames. */
export function batchFrame(events: readonly Buffer[]): Buffer {
  const head = scratch.begin().long(events.length).take();
  let bytes = BRANCH_BYTES + head.length + 1;
  for (const event of events) bytes += event.length - BRANCH_BYTES;
  const batch = Buffer.allocUnsafe(bytes);
  batch[0] = BATCH_BRANCH;
  let at = BRANCH_BYTES + head.copy(batch, BRANCH_BYTES);
  for (const event of events) at += event.copy(batch, at, BRANCH_BYTES);
  // No items at all are no block; their count was the end already.
  if (events.length === 0) return batch.subarray(0, at);
  batch[at] = 0;
  return batch;
}

export function ephemeralFrame(event: EphemeralEvent): Buffer {
  return scratch
    .begin()
    .long(SERVER_BRANCH.ephemeral)
    .string(event.room)
    .long(event.time)
    .string(event.user)
    .string(event.session)
    .string(event.event)
    .optionalString(event.contentType)
    .bytes(event.data)
    .take();
}

export function gapFrame(room: RoomId, from: Seq, to: Seq, cursor: string, reason: GapReason): Buffer {
  return scratch.begin().long(SERVER_BRANCH.gap).string(room).long(from).long(to).string(cursor).string(reason).take();
}

export function liveFrame(room: RoomId, seq: Seq, cursor: string): Buffer {
  return scratch.begin().long(SERVER_BRANCH.live).string(room).long(seq).string(cursor).take();
}
