import { Buffer } from 'node:buffer';
import type { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import * as ws from 'ws';
import { textMessage } from './websocket-frame.ts';

/** ws exports it, its types don't know. */
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean }) => Writable };

test.each([0, 1, 125, 126, 65_535, 65_536, 1_000_000])(
  'a message of %d bytes is read by ws as it was',
  async (size) => {
    const text = 'x'.repeat(size);
    for (const payload of [text, Buffer.from(text)]) {
      const receiver = new Receiver({ isServer: false });
      const read = new Promise<[Buffer, boolean]>((resolve, reject) => {
        receiver.on('message', (data: Buffer, isBinary: boolean) => resolve([data, isBinary]));
        receiver.on('error', reject);
      });
      receiver.write(textMessage(payload));
      const [data, isBinary] = await read;
      expect(isBinary).toBe(false);
      expect(data.toString()).toBe(text);
    }
  },
);

test('the length counts bytes, not characters', () => {
  expect(textMessage('é😀')).toEqual(Buffer.concat([Buffer.from([0x81, 6]), Buffer.from('é😀')]));
});
