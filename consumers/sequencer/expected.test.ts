import { expect, test } from 'vitest';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { Batch } from './batch.ts';
import { Expected } from './expected.ts';

const bytes = (text: string) => Buffer.from(text);

function batch(...texts: string[]): Batch {
  return {
    records: texts.map((text) => ({ key: null, value: bytes(text) })),
    decided: texts.map((text) => ({ text }) as unknown as OutboundRecord),
  } as unknown as Batch;
}

test('knows what was sent, in its order, over batches', () => {
  const expected = new Expected();
  expected.add(batch('a', 'b'));
  expected.add(batch('c'));
  expect(['a', 'b', 'c', 'd'].map((text) => expected.take(bytes(text)))).toEqual([
    { text: 'a' },
    { text: 'b' },
    { text: 'c' },
    null,
  ]);
});

test('takes nothing for granted that stands in between', () => {
  const expected = new Expected();
  expected.add(batch('a', 'b'));
  expect(expected.take(bytes('a'))).toEqual({ text: 'a' });
  expect(expected.take(bytes('x'))).toBeNull();
  expect(expected.take(bytes('a'))).toBeNull();
  expect(expected.take(null)).toBeNull();
  expect(expected.take(bytes('b'))).toEqual({ text: 'b' });
});

test('forgets what was refused, and everything at the end', () => {
  const expected = new Expected();
  const refused = batch('a', 'b');
  expected.add(refused);
  expected.remove(refused);
  expected.add(batch('a'));
  expect(expected.take(bytes('a'))).toEqual({ text: 'a' });
  expected.add(batch('c'));
  expected.clear();
  expect(expected.take(bytes('c'))).toBeNull();
});
