import { Buffer } from 'node:buffer';
import { expect, it } from 'vitest';
import { MessageDeflate, takesSharedDeflate } from './deflate.ts';

it('shares compressed messages with those whose answer says that they inflate them', () => {
  const takes = (extension: string): boolean =>
    takesSharedDeflate(['HTTP/1.1 101 Switching Protocols', `Sec-WebSocket-Extensions: ${extension}`]);
  expect(takes('permessage-deflate; server_no_context_takeover; client_no_context_takeover')).toBe(true);
  expect(takes('permessage-deflate; server_no_context_takeover; server_max_window_bits=12')).toBe(true);
  expect(takes('permessage-deflate; server_no_context_takeover; server_max_window_bits=15')).toBe(true);
  // Too small a window, or a memory that we do not keep.
  expect(takes('permessage-deflate; server_no_context_takeover; server_max_window_bits=9')).toBe(false);
  expect(takes('permessage-deflate; client_no_context_takeover')).toBe(false);
  expect(takes('something-else; server_no_context_takeover')).toBe(false);
  expect(takesSharedDeflate(['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket'])).toBe(false);
});

it('leaves out the four bytes that every reader adds', () => {
  const deflated = new MessageDeflate(1).deflate(Buffer.from('x'.repeat(1_000)));
  expect(deflated?.subarray(-4).toString('hex')).not.toBe('0000ffff');
});
