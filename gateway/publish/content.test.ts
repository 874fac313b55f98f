import { expect, test } from 'vitest';
import { Content, MAX_KEPT_BYTES } from './content.ts';

test.each([
  ['small', 3],
  ['as large as is kept', MAX_KEPT_BYTES],
  ['larger', MAX_KEPT_BYTES + 1],
])('content that is %s equals itself, and nothing that differs in one byte, in length or in name', (_, bytes) => {
  const data = new Uint8Array(bytes).fill(7);
  const content = new Content('e', data);
  const same = Uint8Array.from(data);
  expect(content.equals('e', same)).toBe(true);
  expect(content.equals('f', same)).toBe(false);
  expect(content.equals('e', same.subarray(1))).toBe(false);
  same[bytes - 1] = 8;
  expect(content.equals('e', same)).toBe(false);
});

test('content stays what it was when the bytes that it came from are used again', () => {
  const data = new Uint8Array(10).fill(7);
  const content = new Content('e', data);
  data.fill(8);
  expect(content.equals('e', data)).toBe(false);
  expect(content.equals('e', new Uint8Array(10).fill(7))).toBe(true);
});
