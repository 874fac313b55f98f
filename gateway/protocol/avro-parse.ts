/** From a client's binary frame, one value of the union in schemas/client-frame.avsc, to a validated frame. */
import type { Buffer } from 'node:buffer';
import { RoomlogError } from '../../core/errors.ts';
import { isJson } from '../../core/json.ts';
import { AvroCursor } from '../../schemas/avro-cursor.ts';
import { CLIENT_BRANCHES, type ClientType } from './avro-branches.ts';
import { MAX_FRAME_DEPTH, nestsDeeperThan } from './depth.ts';
import type { ClientFrame } from './frames.ts';
import { type Body, bad, type Content, type FrameLimits, frameOf, JsonText } from './validate.ts';

/** Of a `Join`: id, room, after, last, since, presence and meta take a byte each. */
const MIN_JOIN_BYTES = 7;

/** See Encoding.parse. */
export function parseFrame(bytes: Buffer, limits: FrameLimits): ClientFrame {
  const frame = new FrameReader(bytes);
  try {
    frame.read();
  } catch (thrown) {
    if (!(thrown instanceof RoomlogError) || thrown.code !== 'corrupt_record') throw thrown;
    const { id } = frame.body;
    throw new RoomlogError('bad_frame', thrown.message, {
      details: { path: frame.path, ...(id === undefined ? {} : { id }) },
    });
  }
  return frameOf(frame.body, () => contentOf(frame), limits);
}

/** See Encoding.peekId. */
export function peekId(bytes: Buffer): number | undefined {
  try {
    const cursor = new AvroCursor(bytes);
    return CLIENT_BRANCHES[cursor.branch(CLIENT_BRANCHES.length)] === 'hello' ? undefined : cursor.long();
  } catch {
    return undefined;
  }
}

/** Bytes that claim to be JSON are put into other members' text frames: they have to be exactly one value. */
function contentOf({ body, contentType, data }: FrameReader): Content | null {
  if (data === null || contentType !== undefined)
    return data === null ? null : { contentType: contentType ?? null, data };
  if (!isJson(data)) throw bad(body, 'data', 'Without contentType, data is exactly one JSON value in UTF-8.');
  // As deep as in a text frame, which is an object itself.
  if (nestsDeeperThan(data, MAX_FRAME_DEPTH - 1)) {
    throw bad(body, 'data', `data nests deeper than ${MAX_FRAME_DEPTH - 1}.`);
  }
  return { contentType: null, data };
}

/** Reads the fields in the schema's order; `path` is the one at which it is. */
class FrameReader {
  body: Body = {};
  path = 'type';
  contentType: string | undefined;
  data: Buffer | null = null;
  readonly #cursor: AvroCursor;

  constructor(bytes: Buffer) {
    this.#cursor = new AvroCursor(bytes);
  }

  read(): void {
    const type = CLIENT_BRANCHES[this.#cursor.branch(CLIENT_BRANCHES.length)] as ClientType;
    this.body = { type };
    this.#readFields(type);
    this.path = 'type';
    this.#cursor.end();
  }

  #readFields(type: ClientType): void {
    switch (type) {
      case 'hello':
        this.#optionalString('token');
        this.#optionalString('session');
        this.#boolean('batch');
        this.#rooms();
        return;
      case 'join':
        this.#join();
        return;
      case 'leave':
        this.#long('id');
        this.#string('room');
        return;
      case 'publish':
        this.#publish();
        return;
      case 'signal':
        this.#long('id');
        this.#string('user');
        this.#string('event');
        this.#content();
        this.#optionalLong('ttl');
        return;
      case 'presence':
        this.#long('id');
        this.#string('room');
        this.#meta();
        return;
      case 'refresh':
        this.#long('id');
        this.#string('token');
        return;
      case 'ping':
        this.#long('id');
    }
  }

  /** As the others, but with an object of one shape: it passes here at every event. */
  #publish(): void {
    const cursor = this.#cursor;
    const body: Body = {
      type: 'publish',
      id: undefined,
      room: undefined,
      pub: undefined,
      event: undefined,
      ttl: undefined,
      ephemeral: undefined,
    };
    this.body = body;
    this.path = 'id';
    body.id = cursor.long();
    this.path = 'room';
    body.room = cursor.string();
    this.path = 'pub';
    body.pub = cursor.optionalLong();
    this.path = 'event';
    body.event = cursor.string();
    this.#content();
    this.path = 'ttl';
    body.ttl = cursor.optionalLong();
    this.path = 'ephemeral';
    body.ephemeral = cursor.boolean();
  }

  #join(): void {
    this.#long('id');
    this.#string('room');
    this.#optionalString('after');
    this.#optionalLong('last');
    this.#optionalLong('since');
    this.#boolean('presence');
    this.#meta();
  }

  /** Each entry is a frame body of its own, to be judged alone. */
  #rooms(): void {
    const hello = this.body;
    this.path = 'rooms';
    hello.rooms = this.#cursor.array(MIN_JOIN_BYTES, () => {
      this.body = {};
      this.#join();
      return this.body;
    });
    this.body = hello;
  }

  #content(): void {
    this.path = 'contentType';
    this.contentType = this.#cursor.optionalString();
    this.path = 'data';
    this.data = this.#cursor.bytes();
  }

  #meta(): void {
    this.path = 'meta';
    const text = this.#cursor.optionalString();
    if (text !== undefined) this.body.meta = new JsonText(text);
  }

  #long(name: string): void {
    this.path = name;
    this.body[name] = this.#cursor.long();
  }

  #string(name: string): void {
    this.path = name;
    this.body[name] = this.#cursor.string();
  }

  #boolean(name: string): void {
    this.path = name;
    this.body[name] = this.#cursor.boolean();
  }

  #optionalLong(name: string): void {
    this.path = name;
    this.body[name] = this.#cursor.optionalLong();
  }

  #optionalString(name: string): void {
    this.path = name;
    this.body[name] = this.#cursor.optionalString();
  }
}
