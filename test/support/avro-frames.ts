/**
 * Frames of `roomlog.v1.avro` as a stranger would make and read them: by avsc and the two schema files alone. As objects they look like
 * those of the JSON subprotocol: `type`, absent fields left out, JSON `data` and `meta` as values.
 */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { ROOT } from '../../scripts/stack/root.ts';

type Fields = Record<string, unknown>;

const typeOf = (file: string): avsc.Type =>
  avsc.Type.forSchema(JSON.parse(readFileSync(`${ROOT}/schemas/${file}`, 'utf8')), { omitRecordMethods: true });

export const clientFrameType = typeOf('client-frame.avsc');
export const serverFrameType = typeOf('server-frame.avsc');

const DEFAULTS: Record<string, Fields> = {
  hello: { token: null, session: null, batch: false, rooms: [] },
  join: { after: null, last: null, since: null, presence: false, meta: null },
  leave: {},
  publish: { pub: null, contentType: null, ttl: null, ephemeral: false },
  signal: { contentType: null, ttl: null },
  presence: { meta: null },
  refresh: {},
  ping: {},
};

/** `data` that is no Buffer is sent as JSON text. */
export function encodeClientFrame(frame: object): Buffer {
  const { type, ...fields } = frame as Fields & { type: string };
  return clientFrameType.toBuffer({ [`io.roomlog.v1.client.${capital(type)}`]: wrap(type, fields) });
}

function wrap(type: string, fields: Fields): Fields {
  const whole = { ...DEFAULTS[type], ...fields };
  if (whole.meta !== null && whole.meta !== undefined) whole.meta = JSON.stringify(whole.meta);
  if ('data' in whole && !Buffer.isBuffer(whole.data)) whole.data = Buffer.from(JSON.stringify(whole.data));
  if (Array.isArray(whole.rooms)) whole.rooms = whole.rooms.map((entry) => wrap('join', entry));
  return whole;
}

export const decodeServerFrame = (bytes: Buffer): Fields & { readonly type: string } =>
  decodeFrame(serverFrameType, bytes);

export const decodeClientFrame = (bytes: Buffer): Fields & { readonly type: string } =>
  decodeFrame(clientFrameType, bytes);

function decodeFrame(frameType: avsc.Type, bytes: Buffer): Fields & { readonly type: string } {
  const [[name, fields]] = Object.entries(frameType.fromBuffer(bytes)) as [[string, Fields]];
  const last = name.split('.').at(-1) as string;
  // In JSON an ephemeral event is an event without seq.
  const type = last === 'Ephemeral' ? 'event' : last[0]?.toLowerCase() + last.slice(1);
  return { type, ...unwrap(fields) };
}

function unwrap(fields: Fields): Fields {
  const known = Object.entries(fields).filter(([name, value]) => value !== null && !(name === 'duplicate' && !value));
  return Object.fromEntries(known.map(([name, value]) => [name, plainValue(name, value, fields)]));
}

function plainValue(name: string, value: unknown, fields: Fields): unknown {
  if (name === 'meta') return JSON.parse(value as string);
  if (name === 'data' && fields.contentType === null) return JSON.parse((value as Buffer).toString());
  if (name === 'events') return (value as Fields[]).map((event) => ({ type: 'event', ...unwrap(event) }));
  return Array.isArray(value) ? value.map(unwrap) : value;
}

const capital = (text: string): string => `${text[0]?.toUpperCase()}${text.slice(1)}`;
