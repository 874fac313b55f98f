import { describe, expect, test } from 'vitest';
import { OriginList } from './origin.ts';

const list = new OriginList(['https://app.example', 'http://127.0.0.1:7400']);

describe('the origin list', () => {
  test('allows exactly what it names, and trusts its cookies', () => {
    expect(list.judge('https://app.example', true)).toEqual({ allowed: true, cookieTrusted: true });
    expect(list.judge('http://127.0.0.1:7400', false).allowed).toBe(true);
  });

  test.each([
    'https://app.example.evil.com',
    'https://evilapp.example',
    'https://app.example:8443',
    'http://app.example',
    'https://app.example/',
    'https://APP.example',
    'null',
    '',
  ])('refuses %j', (origin) => {
    expect(list.judge(origin, false).allowed).toBe(false);
    expect(list.judge(origin, true).allowed).toBe(false);
  });

  test('lets clients without an origin in, unless they bring a cookie', () => {
    expect(list.judge(undefined, false)).toEqual({ allowed: true, cookieTrusted: false });
    expect(list.judge(undefined, true).allowed).toBe(false);
  });

  test('* allows any origin, but no cookie unless the origin is named too', () => {
    const open = new OriginList(['*', 'https://app.example']);
    expect(open.judge('https://anyone.example', true)).toEqual({ allowed: true, cookieTrusted: false });
    expect(open.judge('https://app.example', true)).toEqual({ allowed: true, cookieTrusted: true });
    expect(open.judge('*', true).cookieTrusted).toBe(false);
  });

  test('an empty list refuses every browser', () => {
    expect(new OriginList([]).judge('http://localhost', false).allowed).toBe(false);
  });
});
