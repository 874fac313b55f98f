import { expect, test } from 'vitest';
import { lazily } from './lazily.ts';

test('is made once, and not before somebody asks', () => {
  let made = 0;
  const ask = lazily(() => ({ number: ++made }));
  expect(made).toBe(0);
  expect(ask()).toBe(ask());
  expect(made).toBe(1);
});

test('is made anew where it could not be made', () => {
  let tries = 0;
  const ask = lazily(() => {
    if (++tries === 1) throw new Error('not yet');
    return { tries };
  });
  expect(ask).toThrow('not yet');
  expect(ask()).toEqual({ tries: 2 });
});
