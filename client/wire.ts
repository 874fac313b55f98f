/** How frames are put on the wire and read from it: one of the protocol's two subprotocols. */
import { decodeFrame, encodeFrame } from './avro-frames.ts';
import { parseFrame, type ServerFrame } from './frames.ts';

/** A publish. `data` is JSON text, or bytes where there is a `contentType` (in Avro only). */
export interface PublishMessage {
  readonly type: 'publish';
  readonly id: number;
  readonly room: string;
  readonly pub?: number;
  readonly event: string;
  /** ms */
  readonly ttl?: number;
  readonly ephemeral?: boolean;
  readonly contentType?: string;
  readonly data: string | Uint8Array;
}

/** What a client sends: a publish, or any other frame with its fields. */
export type ClientMessage = PublishMessage | { readonly type: string; readonly [field: string]: unknown };

export interface Wire {
  readonly subprotocol: string;
  /** Whether messages are binary. */
  readonly binary: boolean;
  encode(message: ClientMessage): string | Uint8Array<ArrayBuffer>;
  /** @param data what the socket gave; null for what is no frame */
  decode(data: unknown): ServerFrame | null;
}

export type Encoding = 'json' | 'avro';

export const WIRES: Readonly<Record<Encoding, Wire>> = {
  json: {
    subprotocol: 'roomlog.v1.json',
    binary: false,
    encode: (message) => (isPublish(message) ? publishText(message) : JSON.stringify(message)),
    decode: (data) => (typeof data === 'string' ? parseFrame(data) : null),
  },
  avro: {
    subprotocol: 'roomlog.v1.avro',
    binary: true,
    encode: (message) => encodeFrame(message as { readonly type: string }),
    decode: (data) => {
      if (data instanceof ArrayBuffer) return decodeFrame(new Uint8Array(data));
      return data instanceof Uint8Array ? decodeFrame(data) : null;
    },
  },
};

const isPublish = (message: ClientMessage): message is PublishMessage => message.type === 'publish';

/** The data's text is put in as it is. */
function publishText({ id, room, pub, event, ttl, ephemeral, data }: PublishMessage): string {
  let text = `{"type":"publish","id":${id},"room":${JSON.stringify(room)}`;
  if (pub !== undefined) text += `,"pub":${pub}`;
  text += `,"event":${JSON.stringify(event)}`;
  if (ephemeral === true) text += ',"ephemeral":true';
  if (ttl !== undefined) text += `,"ttl":${ttl}`;
  return `${text},"data":${data}}`;
}
