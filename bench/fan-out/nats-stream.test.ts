import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import type { LeanClient } from './lean-client.ts';
import { NatsStream } from './nats-stream.ts';

const SAID = [
  'INFO {"server_id":"a"}\r\n',
  'PONG\r\n',
  'MSG room/1 1 5\r\nhello\r\n',
  'PING\r\n',
  'MSG room/1 1 12\r\nwith\r\nbreaks\r\n',
  'MSG room/1 1 0\r\n\r\n',
].join('');

function read(chunks: readonly Buffer[]) {
  const sent: string[] = [];
  const messages: string[] = [];
  let subscribed = 0;
  const client = { sendBinary: (text: string) => sent.push(text) } as unknown as LeanClient;
  const stream = new NatsStream('room/1', {
    onSubscribed: () => {
      subscribed += 1;
    },
    onMessage: (payload) => messages.push(payload.toString()),
  });
  for (const chunk of chunks) stream.take(chunk, client);
  return { sent, messages, subscribed };
}

it('subscribes, reads messages of any bytes and answers pings, however the stream is cut', () => {
  const bytes = Buffer.from(SAID);
  for (let size = 1; size <= bytes.length; size += 1) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.subarray(index * size, (index + 1) * size),
    );
    const { sent, messages, subscribed } = read(chunks);
    expect(messages).toEqual(['hello', 'with\r\nbreaks', '']);
    expect(subscribed).toBe(1);
    expect(sent).toEqual([expect.stringMatching(/^CONNECT \{.*\}\r\nSUB room\/1 1\r\nPING\r\n$/), 'PONG\r\n']);
  }
});

it('does not take a refusal for anything else', () => {
  expect(() => read([Buffer.from("-ERR 'Authorization Violation'\r\n")])).toThrow(/Authorization Violation/);
});
