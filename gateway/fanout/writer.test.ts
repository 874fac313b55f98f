import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import * as ws from 'ws';
import { MessageDeflate } from '../protocol/deflate.ts';
import { frameMessages } from './writer.ts';

/** Exported by ws at run time, missing in its types. */
const { Receiver, PerMessageDeflate } = ws as unknown as {
  Receiver: new (options: object) => Writable;
  PerMessageDeflate: new (options: object) => { accept(offers: object[]): void };
};

async function read(framed: Buffer, extensions: object = {}): Promise<string[]> {
  const receiver = new Receiver({ isServer: false, binaryType: 'nodebuffer', extensions });
  const messages: string[] = [];
  receiver.on('message', (data: Buffer, isBinary: boolean) => messages.push(isBinary ? 'binary' : data.toString()));
  await new Promise<void>((resolve, reject) => {
    receiver.on('error', reject);
    receiver.end(framed, () => resolve());
  });
  return messages;
}

it('frames texts of every length class so that an independent parser reads them back', async () => {
  const texts = ['', 'a', 'x'.repeat(125), 'x'.repeat(126), 'é'.repeat(32_767), 'x'.repeat(65_535), 'x'.repeat(65_536)];
  const framed = frameMessages(
    texts.map((text) => Buffer.from(text)),
    1,
  );
  expect(await read(framed)).toEqual(texts);
});

it('compresses what it pays for, so that an independent parser without memory of earlier messages reads it back', async () => {
  const texts = ['small', 'x'.repeat(5_000), '{"a":1},'.repeat(10_000), 'x'.repeat(999), 'y'.repeat(1_000)];
  const payloads = texts.map((text) => Buffer.from(text));
  const framed = frameMessages(payloads, 1, new MessageDeflate(1_000));
  expect(framed.length).toBeLessThan(2_000);
  const deflate = new PerMessageDeflate({ isServer: false });
  deflate.accept([{ server_no_context_takeover: [true], server_max_window_bits: ['12'] }]);
  expect(await read(framed, { 'permessage-deflate': deflate })).toEqual(texts);
  const first = (payload: Buffer): number => frameMessages([payload], 1, new MessageDeflate(1_000))[0] as number;
  expect(payloads.map((payload) => first(payload).toString(16))).toEqual(['81', 'c1', 'c1', '81', 'c1']);
});

it('leaves as it is what compression would make larger', () => {
  const random = randomBytes(4_000);
  expect(new MessageDeflate(1).deflate(random)).toBeNull();
  expect(frameMessages([random], 1, new MessageDeflate(1))[0]).toBe(0x81);
});

it('makes nothing that holds on to what was needed for a moment, however long it is kept', () => {
  const frame = Buffer.alloc(500);
  const kept = Array.from({ length: 1_000 }, () => {
    const framed = frameMessages([frame], 1);
    Buffer.allocUnsafe(frame.length);
    return framed;
  });
  const held = [...new Set(kept.map(({ buffer }) => buffer))].reduce((bytes, { byteLength }) => bytes + byteLength, 0);
  expect(held).toBeLessThan(1.2 * kept.length * frame.length);
});
