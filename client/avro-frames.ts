/**
 * The frames of `roomlog.v1.avro`, from and to the objects that the JSON subprotocol has: the unions of schemas/client-frame.avsc and
 * schemas/server-frame.avsc as two tables. A frame's place in its table is its branch; each field is its name and a kind:
 *
 *     s string    l long    b boolean    S, L the same or null    j JSON text or null: a value
 *     c contentType and data    m array of members    M array of members or null    e array of events    r array of joins
 */
import { AvroReader, AvroWriter } from './avro-bytes.ts';
import type { ServerFrame } from './frames.ts';

type Fields = Record<string, unknown>;
type Table = ReadonlyArray<readonly [type: string, fields: string]>;

const JOIN = 'id:l room:s after:S last:L since:L presence:b meta:j';
const EVENT = 'room:s seq:l cursor:s time:l user:s session:S pub:L event:s data:c';
const MEMBER = 'user:s connection:s since:l meta:j';
const CLIENT: Table = [
  ['hello', 'token:S session:S batch:b rooms:r'],
  ['join', JOIN],
  ['leave', 'id:l room:s'],
  ['publish', 'id:l room:s pub:L event:s data:c ttl:L ephemeral:b'],
  ['signal', 'id:l user:s event:s data:c ttl:L'],
  ['presence', 'id:l room:s meta:j'],
  ['refresh', 'id:l token:s'],
  ['ping', 'id:l'],
];
const SERVER: Table = [
  ['welcome', 'connection:s gateway:s user:s session:s sessionExpires:l heartbeat:l maxFrame:l expires:l time:l'],
  ['joined', 'id:l room:s seq:l cursor:s recovered:b members:M'],
  ['event', EVENT],
  ['event', 'room:s time:l user:s session:s event:s data:c'],
  ['batch', 'events:e'],
  ['gap', 'room:s from:l to:l cursor:s reason:s'],
  ['live', 'room:s seq:l cursor:s'],
  ['ack', 'id:l room:s pub:L seq:L cursor:S duplicate:b'],
  ['error', 'id:L room:S code:s message:s retryAfter:L expected:L path:S'],
  ['members', 'id:l room:s version:l members:m count:l'],
  ['presence', 'room:s version:l joined:m left:m'],
  ['left', 'id:l room:s'],
  ['refreshed', 'id:l expires:l'],
  ['pong', 'id:l'],
  ['reconnect', 'delay:l reason:s'],
];
/** A branch that a newer gateway knows. */
const UNKNOWN = { type: 'unknown' } as unknown as ServerFrame;

const split = (fields: string): Array<readonly [name: string, kind: string]> =>
  fields.split(' ').map((field) => field.split(':') as [string, string]);
const joinFields = split(JOIN);
const eventFields = split(EVENT);
const memberFields = split(MEMBER);
const clientFields = new Map(CLIENT.map(([type, fields], branch) => [type, { branch, fields: split(fields) }]));
const serverFields = SERVER.map(([type, fields]) => ({ type, fields: split(fields) }));
const utf8 = new TextEncoder();
const text = new TextDecoder();

/** @param frame as in JSON; `data` is bytes, or JSON text in a string */
export function encodeFrame(frame: Fields & { readonly type: string }): Uint8Array<ArrayBuffer> {
  const found = clientFields.get(frame.type);
  if (found === undefined) throw new TypeError(`There is no frame ${frame.type}.`);
  const into = new AvroWriter();
  into.long(found.branch);
  write(into, found.fields, frame);
  return into.take();
}

function write(into: AvroWriter, fields: typeof joinFields, values: Fields): void {
  for (const [name, kind] of fields) writeField(into, kind, values[name], values);
}

function writeField(into: AvroWriter, kind: string, value: unknown, values: Fields): void {
  if (kind === 's') into.string(value as string);
  else if (kind === 'l') into.long(value as number);
  else if (kind === 'b') into.boolean(value === true);
  else if (kind === 'c') {
    writeOptional(into, 'S', values.contentType);
    into.bytes(typeof value === 'string' ? utf8.encode(value) : (value as Uint8Array));
  } else if (kind === 'r') {
    const rooms = (value ?? []) as Fields[];
    if (rooms.length > 0) into.long(rooms.length);
    for (const room of rooms) write(into, joinFields, room);
    into.long(0);
  } else writeOptional(into, kind, value);
}

function writeOptional(into: AvroWriter, kind: string, value: unknown): void {
  if (value === undefined || value === null) {
    into.long(0);
    return;
  }
  into.long(1);
  if (kind === 'L') into.long(value as number);
  else into.string(kind === 'S' ? (value as string) : JSON.stringify(value));
}

/** One message; null for what is no frame. Events have `data` as a value, or in bytes where they have a `contentType`. */
export function decodeFrame(bytes: Uint8Array): ServerFrame | null {
  try {
    const from = new AvroReader(bytes);
    const found = serverFields[from.long()];
    if (found === undefined) return UNKNOWN;
    const frame = { type: found.type, ...read(from, found.fields) };
    return from.remaining === 0 ? (frame as unknown as ServerFrame) : null;
  } catch {
    return null;
  }
}

/** Null is left out, as in JSON. */
function read(from: AvroReader, fields: typeof joinFields): Fields {
  const values: Fields = {};
  for (const [name, kind] of fields) {
    const value = readField(from, kind, values);
    if (value !== undefined && !(name === 'duplicate' && value === false)) values[name] = value;
  }
  return values;
}

function readField(from: AvroReader, kind: string, values: Fields): unknown {
  switch (kind) {
    case 's':
      return from.string();
    case 'l':
      return from.long();
    case 'b':
      return from.boolean();
    case 'c': {
      const contentType = readField(from, 'S', values);
      const data = from.bytes();
      if (contentType === undefined) return JSON.parse(text.decode(data));
      values.contentType = contentType;
      return data.slice();
    }
    case 'm':
      return from.array(() => read(from, memberFields));
    case 'e':
      return from.array(() => ({ type: 'event', ...read(from, eventFields) }));
    default:
      if (from.long() === 0) return undefined;
      if (kind === 'L') return from.long();
      if (kind === 'M') return readField(from, 'm', values);
      return kind === 'S' ? from.string() : JSON.parse(from.string());
  }
}
