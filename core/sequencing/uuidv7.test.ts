import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mintSession, sessionTime } from './uuidv7.ts';

describe('uuidv7', () => {
  it('tells from a session when it was minted', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 48 - 1 }), fc.uint8Array({ minLength: 10, maxLength: 10 }), (nowMs, random) => {
        const session = mintSession(nowMs, () => random);
        expect(session).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(sessionTime(session)).toBe(nowMs);
      }),
    );
  });

  it('agrees with the example of RFC 9562, appendix A.6', () => {
    expect(sessionTime('017f22e2-79b0-7cc3-98c4-dc0c0c07398f')).toBe(0x017f22e279b0);
  });

  it.each([
    '017F22E2-79B0-7CC3-98C4-DC0C0C07398F',
    '017f22e2-79b0-4cc3-98c4-dc0c0c07398f',
    '017f22e2-79b0-7cc3-c8c4-dc0c0c07398f',
    '017f22e279b07cc398c4dc0c0c07398f',
    '{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n',
    '',
  ])('takes %j for no session', (text) => {
    expect(sessionTime(text)).toBeNull();
  });
});
