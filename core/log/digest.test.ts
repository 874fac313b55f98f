import { describe, expect, it } from 'vitest';
import type { Offset } from '../ids.ts';
import { DigestMemo, digestOf } from './digest.ts';

const data = Buffer.from('{}');
const inbound = 7 as Offset;
/** No digest of anything: shows where a result comes from. */
const MARK = { hi: 1, lo: 2 };

describe('DigestMemo', () => {
  it('gives back once what was remembered', () => {
    const memo = new DigestMemo();
    memo.remember(inbound, 'said', data, MARK);
    expect(memo.take(inbound, 'said', Buffer.from('{}'))).toBe(MARK);
    expect(memo.take(inbound, 'said', data)).toEqual(digestOf('said', data));
  });

  it('computes where the content is another: what stands in the log counts', () => {
    for (const [event, other] of [
      ['said', Buffer.from('[]')],
      ['shouted', data],
    ] as const) {
      const memo = new DigestMemo();
      memo.remember(inbound, 'said', data, MARK);
      expect(memo.take(inbound, event, other)).toEqual(digestOf(event, other));
    }
  });

  it('computes past its limit', () => {
    const memo = new DigestMemo(digestOf, 1);
    memo.remember(1 as Offset, 'said', data, MARK);
    memo.remember(inbound, 'said', data, MARK);
    expect(memo.take(inbound, 'said', data)).toEqual(digestOf('said', data));
    memo.clear();
    expect(memo.take(1 as Offset, 'said', data)).toEqual(digestOf('said', data));
  });
});
