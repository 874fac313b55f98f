import { Buffer } from 'node:buffer';
import type { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import * as ws from 'ws';
import { wholeMessage } from './websocket-frame.ts';

/** ws exports it, its types don't know. */
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean }) => Writable };

test.each([0, 1, 125, 126, 65_535, 65_536, 1_000_000])(
  'a message of %d bytes is read by ws as it was',
  async (size) => {
    const text = 'x'.repeat(size);
    for (const [payload, opcode] of [
      [text, 1],
      [Buffer.from(text), 1],
      [Buffer.from(text), 2],
    ] as const) {
      const receiver = new Receiver({ isServer: false });
      const read = new Promise<[Buffer, boolean]>((resolve, reject) => {
        receiver.on('message', (data: Buffer, isBinary: boolean) => resolve([data, isBinary]));
        receiver.on('error', reject);
      });
      receiver.write(wholeMessage(payload, opcode));
      const [data, isBinary] = await read;
      expect(isBinary).toBe(opcode === 2);
      expect(data.toString()).toBe(text);
    }
  },
);

test('the length counts bytes, not characters', () => {
  expect(wholeMessage('é😀', 1)).toEqual(Buffer.concat([Buffer.from([0x81, 6]), Buffer.from('é😀')]));
});
