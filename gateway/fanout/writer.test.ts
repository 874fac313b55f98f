import { Buffer } from 'node:buffer';
import type { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import * as ws from 'ws';
import { frameTexts } from './writer.ts';

/** Exported by ws at run time, missing in its types. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable };

it('frames texts of every length class so that an independent parser reads them back', async () => {
  const texts = ['', 'a', 'x'.repeat(125), 'x'.repeat(126), 'é'.repeat(32_767), 'x'.repeat(65_535), 'x'.repeat(65_536)];
  const framed = frameTexts(texts.map((text) => Buffer.from(text)));
  const receiver = new Receiver({ isServer: false, binaryType: 'nodebuffer' });
  const read: string[] = [];
  receiver.on('message', (data: Buffer, isBinary: boolean) => read.push(isBinary ? 'binary' : data.toString()));
  await new Promise<void>((resolve, reject) => {
    receiver.on('error', reject);
    receiver.end(framed, () => resolve());
  });
  expect(read).toEqual(texts);
});
