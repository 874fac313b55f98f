/**
 * A WebSocket client that costs as little as can be: it counts text messages by their headers alone and looks into none, unless it is
 * told to. Masks with zero, answers pings; messages in one frame (RFC 6455, section 5.2), which all contenders send.
 */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;
const MAX_HEADER_BYTES = 10;
const END_OF_HEAD = '\r\n\r\n';

export interface LeanClientOptions {
  readonly url: string;
  readonly protocol: string | null;
  readonly compression: boolean;
  /** Each text message while `reading`; compressed ones as they are. */
  onText(payload: Buffer, client: LeanClient): void;
  /** Each binary message. */
  onBinary?(payload: Buffer, client: LeanClient): void;
  onClose(): void;
}

export class LeanClient {
  /** Text messages that came. */
  messages = 0;
  bytes = 0;
  /** Whether texts are looked into. */
  reading = true;
  readonly #socket: Socket;
  readonly #options: LeanClientOptions;
  #rest: Buffer | null = null;
  /** Payload bytes of a message that is only counted, still to come. */
  #skip = 0;

  private constructor(socket: Socket, options: LeanClientOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('close', () => options.onClose());
    socket.on('error', () => socket.destroy());
  }

  /** Resolves when the server has switched protocols. */
  static async open(options: LeanClientOptions): Promise<LeanClient> {
    const { hostname, port, pathname, search } = new URL(options.url);
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    const client = new LeanClient(socket, options);
    const head = [
      `GET ${pathname}${search} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      'Sec-WebSocket-Version: 13',
      ...(options.protocol === null ? [] : [`Sec-WebSocket-Protocol: ${options.protocol}`]),
      ...(options.compression ? ['Sec-WebSocket-Extensions: permessage-deflate'] : []),
    ];
    socket.write(`${head.join('\r\n')}${END_OF_HEAD}`);
    await new Promise<void>((resolve, reject) => {
      let got = Buffer.alloc(0);
      socket.once('error', reject);
      const onData = (chunk: Buffer): void => {
        got = Buffer.concat([got, chunk]);
        const end = got.indexOf(END_OF_HEAD);
        if (end < 0) return;
        const status = got.toString('latin1', 0, got.indexOf('\r\n'));
        if (!status.includes(' 101')) {
          reject(new Error(status));
          return;
        }
        socket.off('data', onData);
        socket.on('data', (bytes: Buffer) => client.#take(bytes));
        const rest = got.subarray(end + END_OF_HEAD.length);
        resolve();
        if (rest.length > 0) queueMicrotask(() => client.#take(rest));
      };
      socket.on('data', onData);
    });
    return client;
  }

  send(text: string): void {
    this.#send(TEXT, Buffer.from(text));
  }

  sendBinary(text: string): void {
    this.#send(BINARY, Buffer.from(text));
  }

  end(): void {
    this.#socket.destroy();
  }

  #send(opcode: number, payload: Buffer): void {
    const { length } = payload;
    const header = Buffer.alloc(length > 125 ? 8 : 6);
    header[0] = 0x80 | opcode;
    if (length > 125) {
      header[1] = 0xfe;
      header.writeUInt16BE(length, 2);
    } else header[1] = 0x80 | length;
    this.#socket.write(Buffer.concat([header, payload]));
  }

  #take(chunk: Buffer): void {
    this.bytes += chunk.length;
    let at = 0;
    if (this.#skip > 0) {
      at = Math.min(this.#skip, chunk.length);
      this.#skip -= at;
    }
    let bytes = chunk;
    if (this.#rest !== null) {
      bytes = Buffer.concat([this.#rest, chunk]);
      this.#rest = null;
    }
    while (at < bytes.length) {
      const header = headerAt(bytes, at);
      if (header === null) break;
      const { opcode, start, length } = header;
      const counts = opcode === TEXT && !this.reading;
      if (start + length > bytes.length && !counts) break;
      if (opcode === TEXT) {
        this.messages += 1;
        if (this.reading) this.#options.onText(bytes.subarray(start, start + length), this);
      } else if (opcode === BINARY) this.#options.onBinary?.(bytes.subarray(start, start + length), this);
      else if (opcode === PING) this.#send(PONG, Buffer.from(bytes.subarray(start, start + length)));
      else if (opcode === CLOSE) this.#socket.end();
      at = start + length;
    }
    if (at > bytes.length) this.#skip = at - bytes.length;
    else if (at < bytes.length) this.#rest = bytes.subarray(at);
  }
}

function headerAt(bytes: Buffer, at: number): { opcode: number; start: number; length: number } | null {
  if (at + 2 > bytes.length) return null;
  const opcode = (bytes[at] as number) & 0x0f;
  const short = bytes[at + 1] as number;
  if (short < 126) return { opcode, start: at + 2, length: short };
  if (short === 126) {
    return at + 4 > bytes.length ? null : { opcode, start: at + 4, length: bytes.readUInt16BE(at + 2) };
  }
  if (at + MAX_HEADER_BYTES > bytes.length) return null;
  return { opcode, start: at + MAX_HEADER_BYTES, length: Number(bytes.readBigUInt64BE(at + 2)) };
}
