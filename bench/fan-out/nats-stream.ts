/**
 * The client's side of NATS's protocol, as much as a subscriber of one subject needs. Over a WebSocket it is a stream of bytes in binary
 * messages, whose bounds mean nothing:
 *
 *     server: INFO {…}␍␊        client: CONNECT {…}␍␊ SUB subject 1␍␊ PING␍␊        server: PONG␍␊ (subscribed)
 *     server: MSG subject 1 size␍␊ size bytes ␍␊                                     server: PING␍␊, client: PONG␍␊
 */
import { Buffer } from 'node:buffer';
import type { LeanClient } from './lean-client.ts';

const CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"lang":"bench","version":"1","protocol":1}\r\n';
const CR = 0x0d;
const SPACE = 0x20;
const ZERO = 0x30;
const I = 0x49;
const M = 0x4d;
const O = 0x4f;
const P = 0x50;
const END_BYTES = 2;

export interface NatsEvents {
  onSubscribed(): void;
  onMessage(payload: Buffer, client: LeanClient): void;
}

export class NatsStream {
  readonly #subject: string;
  readonly #events: NatsEvents;
  #rest: Buffer | null = null;

  constructor(subject: string, events: NatsEvents) {
    this.#subject = subject;
    this.#events = events;
  }

  take(chunk: Buffer, client: LeanClient): void {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = null;
    let at = 0;
    while (at < bytes.length) {
      const end = bytes.indexOf(CR, at);
      if (end < 0) break;
      const payload = end + END_BYTES;
      if (bytes[at] === M) {
        const size = lastNumber(bytes, end);
        if (payload + size + END_BYTES > bytes.length) break;
        this.#events.onMessage(bytes.subarray(payload, payload + size), client);
        at = payload + size + END_BYTES;
        continue;
      }
      if (payload > bytes.length) break;
      this.#onLine(bytes, at, end, client);
      at = payload;
    }
    if (at < bytes.length) this.#rest = bytes.subarray(at);
  }

  #onLine(bytes: Buffer, at: number, end: number, client: LeanClient): void {
    if (bytes[at] === I) client.sendBinary(`${CONNECT}SUB ${this.#subject} 1\r\nPING\r\n`);
    else if (bytes[at] === P && bytes[at + 1] === O) this.#events.onSubscribed();
    else if (bytes[at] === P) client.sendBinary('PONG\r\n');
    else throw new Error(`NATS said ${bytes.toString('utf8', at, end)}`);
  }
}

/** The number that ends at `end`. */
function lastNumber(bytes: Buffer, end: number): number {
  let value = 0;
  let scale = 1;
  for (let at = end - 1; bytes[at] !== SPACE; at -= 1) {
    value += ((bytes[at] as number) - ZERO) * scale;
    scale *= 10;
  }
  return value;
}
