/** Frames of `roomlog.v1.avro` by avsc and the two schema files alone, as a stranger's program would make and read them. */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { SCHEMAS_DIR } from './messages.ts';

const typeOf = (file: string): avsc.Type =>
  avsc.Type.forSchema(JSON.parse(readFileSync(`${SCHEMAS_DIR}/${file}`, 'utf8')), { omitRecordMethods: true });
const clientFrame = typeOf('client-frame.avsc');
const serverFrame = typeOf('server-frame.avsc');
const CLIENT = 'io.roomlog.v1.client';
/** Place of `Ack` in the server's union, as a zigzag varint. */
const ACK_BRANCH = 14;

export interface AvroPublish {
  readonly id: number;
  readonly room: string;
  readonly pub: number;
  readonly event: string;
  readonly data: Buffer;
}

export const helloFrame = (token: string): Buffer =>
  clientFrame.toBuffer({ [`${CLIENT}.Hello`]: { token, session: null, batch: false, rooms: [] } });

export const publishFrame = (publish: AvroPublish): Buffer =>
  clientFrame.toBuffer({ [`${CLIENT}.Publish`]: { ...publish, contentType: null, ttl: null, ephemeral: false } });

/** null for any other frame. */
export function readPublish(bytes: Buffer): AvroPublish | null {
  const frame = clientFrame.fromBuffer(bytes) as Record<string, AvroPublish | undefined>;
  return frame[`${CLIENT}.Publish`] ?? null;
}

export const ackFrame = (id: number, room: string, seq: number): Buffer =>
  serverFrame.toBuffer({ 'io.roomlog.v1.server.Ack': { id, room, pub: null, seq, cursor: null, duplicate: false } });

/** The `id` of an ack; null for any other frame. */
export function ackedId(bytes: Buffer): number | null {
  if (bytes[0] !== ACK_BRANCH) return null;
  let [value, scale] = [0, 1];
  for (let at = 1; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 0x80;
  }
  return value / 2;
}
