/**
 * The frames that flow inside a subscription, as ready UTF-8 JSON text. An event's `data` is spliced in as the bytes that
 * the log holds: no parse and no stringify, once per event, whatever the number of members.
 *
 *     {"type":"event","room":…,"seq":…,…,"event":…,"data":   prefix, built here
 *     <the record's bytes>                                   exactly one JSON value, checked by the sequencer
 *     }                                                      suffix
 */
import { Buffer } from 'node:buffer';
import type { RoomId, Seq } from '../../core/ids.ts';
import type { EphemeralEvent, GapReason, StoredEvent } from '../stream.ts';

const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const BATCH_PREFIX = Buffer.from('{"type":"batch","events":[');
const BATCH_SUFFIX = Buffer.from(']}');

/** One `event` frame. Opaque data (`contentType` set) travels as a base64 string. @param json stands for the data where given */
export function eventFrame(event: StoredEvent, json: Buffer | null = null): Buffer {
  let head = `{"type":"event","room":${JSON.stringify(event.room)},"seq":${event.seq},"cursor":"${event.cursor}","time":${event.time},"user":${JSON.stringify(event.user)}`;
  if (event.session !== null) head += `,"session":${JSON.stringify(event.session)}`;
  if (event.pub !== null) head += `,"pub":${event.pub}`;
  return withData(head, event, json);
}

/** An event that is not in the log. @param json see eventFrame */
export function ephemeralFrame(event: EphemeralEvent, json: Buffer | null = null): Buffer {
  const { room, time, user, session } = event;
  const head = `{"type":"event","room":${JSON.stringify(room)},"time":${time},"user":${JSON.stringify(user)},"session":${JSON.stringify(session)}`;
  return withData(head, event, json);
}

/** @param begun the frame up to the event's name */
function withData(
  begun: string,
  event: Pick<StoredEvent, 'event' | 'contentType' | 'data'>,
  json: Buffer | null,
): Buffer {
  let head = `${begun},"event":${JSON.stringify(event.event)}`;
  if (event.contentType !== null && json === null) {
    const base64 = Buffer.from(event.data.buffer, event.data.byteOffset, event.data.byteLength).toString('base64');
    return Buffer.from(`${head},"contentType":${JSON.stringify(event.contentType)},"data":"${base64}"}`);
  }
  head += ',"data":';
  const data = json ?? event.data;
  const headBytes = Buffer.byteLength(head);
  const frame = Buffer.allocUnsafe(headBytes + data.byteLength + 1);
  frame.write(head, 0, 'utf8');
  frame.set(data, headBytes);
  frame[frame.length - 1] = CLOSE_BRACE;
  return frame;
}

/** Joins event frames into one `batch` frame, for connections whose `hello.batch` was true. */
export function batchFrame(frames: readonly Buffer[]): Buffer {
  let bytes = BATCH_PREFIX.length + BATCH_SUFFIX.length + Math.max(0, frames.length - 1);
  for (const frame of frames) bytes += frame.length;
  const batch = Buffer.allocUnsafe(bytes);
  let at = BATCH_PREFIX.copy(batch, 0);
  for (let index = 0; index < frames.length; index += 1) {
    if (index > 0) {
      batch[at] = COMMA;
      at += 1;
    }
    const frame = frames[index];
    if (frame !== undefined) at += frame.copy(batch, at);
  }
  BATCH_SUFFIX.copy(batch, at);
  return batch;
}

/** Room seqs `from` to `to`, both included, can't be had; `cursor` is the position after them. */
export function gapFrame(room: RoomId, from: Seq, to: Seq, cursor: string, reason: GapReason): Buffer {
  return Buffer.from(
    `{"type":"gap","room":${JSON.stringify(room)},"from":${from},"to":${to},"cursor":"${cursor}","reason":"${reason}"}`,
  );
}

/** The backlog has been delivered; once per subscription. */
export function liveFrame(room: RoomId, seq: Seq, cursor: string): Buffer {
  return Buffer.from(`{"type":"live","room":${JSON.stringify(room)},"seq":${seq},"cursor":"${cursor}"}`);
}
