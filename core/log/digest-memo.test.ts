import { describe, expect, it } from 'vitest';
import type { Offset } from '../ids.ts';
import { digestOf } from './digest.ts';
import { DigestMemo } from './digest-memo.ts';
import type { InboundEvent } from './record.ts';

const data = Buffer.from('{}');
const inbound = 7 as Offset;
/** No digest of anything: shows where a result comes from. */
const MARK = { hi: 1, lo: 2 };

const publisher = { name: 'p', mintedAt: 5 };
const publish = (event: string, content: Uint8Array, user = 'ann') =>
  ({ room: 'r', user, session: 's', event, data: content }) as unknown as InboundEvent;

describe('DigestMemo', () => {
  it('gives back once what was remembered', () => {
    const memo = new DigestMemo();
    memo.remember(inbound, publish('said', data), MARK, publisher);
    expect(memo.take(inbound, publish('said', Buffer.from('{}')))).toMatchObject({ digest: MARK, publisher });
    expect(memo.take(inbound, publish('said', data))).toEqual({ digest: digestOf('said', data), publisher: null });
  });

  it('computes where the content is another: what stands in the log counts', () => {
    for (const [event, other] of [
      ['said', Buffer.from('[]')],
      ['shouted', data],
    ] as const) {
      const memo = new DigestMemo();
      memo.remember(inbound, publish('said', data), MARK, publisher);
      expect(memo.take(inbound, publish(event, other))).toEqual({ digest: digestOf(event, other), publisher: null });
    }
  });

  it('does not take one publisher for another who says the same', () => {
    const memo = new DigestMemo();
    memo.remember(inbound, publish('said', data), MARK, publisher);
    expect(memo.take(inbound, publish('said', data, 'bob'))).toEqual({ digest: MARK, publisher: null });
  });

  it('goes past what was decided and never read back', () => {
    const memo = new DigestMemo();
    memo.remember(3 as Offset, publish('said', data), { hi: 9, lo: 9 }, null);
    memo.remember(inbound, publish('said', data), MARK, null);
    expect(memo.take(inbound, publish('said', data)).digest).toBe(MARK);
  });

  it('computes past its limit', () => {
    const memo = new DigestMemo(digestOf, 1);
    memo.remember(1 as Offset, publish('said', data), MARK, null);
    memo.remember(inbound, publish('said', data), MARK, null);
    expect(memo.take(inbound, publish('said', data)).digest).toEqual(digestOf('said', data));
    memo.clear();
    expect(memo.take(1 as Offset, publish('said', data)).digest).toEqual(digestOf('said', data));
  });
});
