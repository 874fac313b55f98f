/**
 * From what an encoding has read to a validated frame: the same rules whatever the encoding. Only own, known fields are ever
 * looked at; others are ignored.
 *
 * Throws `bad_frame` (with `details.id` where it could be read, and `details.path`) or `invalid_room`.
 */
import { Buffer } from 'node:buffer';
import { RoomlogError } from '../../core/errors.ts';
import type { Pub, RoomId } from '../../core/ids.ts';
import { checkEventName, checkRoom, isContentType } from '../../core/names.ts';
import { sessionTime } from '../../core/sequencing/uuidv7.ts';
import type { JoinStart } from '../stream.ts';
import { MAX_FRAME_DEPTH, nestsDeeperThan } from './depth.ts';
import type { ClientFrame, HelloFrame, JoinBody, PublishFrame } from './frames.ts';

/** Greatest `meta`, as compact JSON. */
export const MAX_META_BYTES = 1_024;
/** Greatest `ttl`: ten years. Keeps `expiresAt` a safe integer. */
export const MAX_TTL_MS = 315_360_000_000;
/** Greatest `pub`: what the log's records can hold. Nobody gets there by counting. */
const MAX_PUB = Number.MAX_SAFE_INTEGER - 1;

export interface FrameLimits {
  /** Greatest `last`. */
  readonly maxLast: number;
}

/** A frame as its encoding reads it: `type` and fields, in the protocol's names. Absent fields are undefined. */
export type Body = Record<string, unknown>;

/** A publish's data. */
export interface Content {
  /** null: `data` is exactly one JSON value, which the encoding has seen to. */
  readonly contentType: string | null;
  readonly data: Uint8Array;
}

/** JSON that an encoding has as text. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** @param content finds a publish's data; asked last, null where there is none */
export function frameOf(body: Body, content: () => Content | null, limits: FrameLimits): ClientFrame {
  const { type } = body;
  switch (type) {
    case 'publish':
      return readPublish(body, content);
    case 'join':
      return { type, ...readJoin(body, limits) };
    case 'leave':
      return { type, id: readId(body), room: readRoom(body) };
    case 'ping':
    case 'signal':
    case 'refresh':
      return { type, id: readId(body) };
    case 'presence':
      return { type, id: readId(body), room: readRoom(body), meta: readMeta(body) };
    case 'hello':
      return readHello(body);
    default:
      throw bad(body, 'type', 'type is none of the protocol’s.');
  }
}

/** An entry of `hello.rooms`. */
export function joinOf(entry: unknown, limits: FrameLimits): JoinBody {
  if (!isObject(entry))
    throw new RoomlogError('bad_frame', 'An entry of rooms is not an object.', { details: { path: 'rooms' } });
  return readJoin(entry, limits);
}

export const isObject = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readHello(body: Body): HelloFrame {
  const { token, session, rooms } = body;
  if (token !== undefined && typeof token !== 'string') throw bad(body, 'token', 'token is not a string.');
  if (session !== undefined && (typeof session !== 'string' || sessionTime(session) === null)) {
    throw bad(body, 'session', 'session is not one of an earlier welcome (a UUIDv7).');
  }
  if (rooms !== undefined && !Array.isArray(rooms)) throw bad(body, 'rooms', 'rooms is not an array.');
  return {
    type: 'hello',
    token: token ?? null,
    session: (session as HelloFrame['session'] | undefined) ?? null,
    batch: readFlag(body, 'batch'),
    rooms: (rooms as unknown[] | undefined) ?? [],
  };
}

function readJoin(body: Body, limits: FrameLimits): JoinBody {
  return {
    id: readId(body),
    room: readRoom(body),
    start: readStart(body, limits),
    presence: readFlag(body, 'presence'),
    meta: readMeta(body),
  };
}

function readPublish(body: Body, contentOf: () => Content | null): PublishFrame {
  const id = readId(body);
  const room = readRoom(body);
  const ephemeral = readFlag(body, 'ephemeral');
  const { pub, ttl } = body;
  if (pub !== undefined && !(isPositive(pub) && pub <= MAX_PUB))
    throw bad(body, 'pub', 'pub is not a positive integer.');
  if (ttl !== undefined && !(isPositive(ttl) && ttl <= MAX_TTL_MS)) {
    throw bad(body, 'ttl', `ttl is not an integer of 1 to ${MAX_TTL_MS} ms.`);
  }
  const event = readEventName(body);
  const content = contentOf();
  if (content === null) throw bad(body, 'data', 'data is missing.');
  const { contentType, data } = content;
  if (contentType !== null && !isContentType(contentType)) {
    throw bad(body, 'contentType', 'contentType is not a media type.');
  }
  // A number counts durable publishes only.
  return {
    type: 'publish',
    id,
    room,
    pub: ephemeral ? null : ((pub as Pub | undefined) ?? null),
    event,
    contentType,
    data,
    ttlMs: ttl ?? null,
    ephemeral,
  };
}

function readStart(body: Body, { maxLast }: FrameLimits): JoinStart {
  const { after, last, since } = body;
  const given = Number(after !== undefined) + Number(last !== undefined) + Number(since !== undefined);
  if (given > 1) throw bad(body, 'after', 'At most one of after, last and since may be given.');
  if (after !== undefined) {
    if (typeof after !== 'string') throw bad(body, 'after', 'after is neither a cursor nor "start".');
    return after === 'start' ? { kind: 'start' } : { kind: 'after', cursor: after };
  }
  if (last !== undefined) {
    if (!isPositive(last) || last > maxLast) throw bad(body, 'last', `last is not an integer of 1 to ${maxLast}.`);
    return { kind: 'last', count: last };
  }
  if (since !== undefined) {
    if (!Number.isSafeInteger(since) || (since as number) < 0) throw bad(body, 'since', 'since is not a time in ms.');
    return { kind: 'since', timeMs: since as number };
  }
  return { kind: 'live' };
}

const isPositive = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

function readId(body: Body): number {
  const { id } = body;
  if (!Number.isSafeInteger(id)) throw bad(body, 'id', 'id is not an integer.');
  return id as number;
}

/** A string that can't be a room's name is `invalid_room`; anything else in its place is a bad frame. */
function readRoom(body: Body): RoomId {
  const { room } = body;
  if (typeof room !== 'string') throw bad(body, 'room', 'room is not a string.');
  try {
    return checkRoom(room);
  } catch (thrown) {
    throw withId(thrown, body);
  }
}

function readEventName(body: Body): string {
  const { event } = body;
  if (typeof event !== 'string') throw bad(body, 'event', 'event is not a string.');
  try {
    return checkEventName(event);
  } catch (thrown) {
    throw withId(thrown, body);
  }
}

function readFlag(body: Body, path: string): boolean {
  const flag = body[path];
  if (flag === undefined) return false;
  if (typeof flag !== 'boolean') throw bad(body, path, `${path} is not a boolean.`);
  return flag;
}

function readMeta(body: Body): string | null {
  const { meta } = body;
  if (meta === undefined) return null;
  // It recurses, but not deeper than a frame may nest.
  const text = JSON.stringify(meta instanceof JsonText ? parseText(body, meta.text) : meta);
  if (Buffer.byteLength(text) > MAX_META_BYTES) throw bad(body, 'meta', `meta has more than ${MAX_META_BYTES} bytes.`);
  return text;
}

function parseText(body: Body, text: string): unknown {
  if (nestsDeeperThan(Buffer.from(text), MAX_FRAME_DEPTH - 1)) throw bad(body, 'meta', 'meta nests too deep.');
  try {
    return JSON.parse(text);
  } catch {
    throw bad(body, 'meta', 'meta is not JSON.');
  }
}

/** `bad_frame`, for a field. */
export function bad(body: Body, path: string, message: string): RoomlogError {
  const details = {
    path,
    ...(Number.isSafeInteger(body.id) ? { id: body.id } : {}),
    // A hello that can't be read is still the first frame that a client has to send.
    ...(body.type === 'hello' ? { hello: true } : {}),
  };
  return new RoomlogError('bad_frame', message, { details });
}

function withId(thrown: unknown, body: Body): unknown {
  if (!(thrown instanceof RoomlogError) || !Number.isSafeInteger(body.id)) return thrown;
  return new RoomlogError(thrown.code, thrown.message, {
    cause: thrown.cause,
    details: { ...thrown.details, id: body.id },
  });
}
