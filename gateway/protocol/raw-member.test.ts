import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rawMember } from './raw-member.ts';

const data = (text: string): string | undefined => rawMember(Buffer.from(text), 'data')?.toString();

describe('the raw bytes of a member', () => {
  test.each([
    ['{"data":1}', '1'],
    ['{"data":12345678901234567890}', '12345678901234567890'],
    ['{"data":1e400}', '1e400'],
    ['{"data":-0.10E+2 ,"x":1}', '-0.10E+2'],
    [' {\t"a" : [1,{"data":2}] , "data" : {"b" : [ "}" ] }\r\n} ', '{"b" : [ "}" ] }'],
    ['{"data":"a\\"}\\\\"}', '"a\\"}\\\\"'],
    ['{"data":null}', 'null'],
    ['{"data":true,"data":false}', 'false'],
    ['{"data":[[]]}', '[[]]'],
    ['{"data":"é😀\\ud83d"}', '"é😀\\ud83d"'],
    ['{"d\\u0061ta":1}', '1'],
    ['{"data":1,"d\\u0061ta":2}', '2'],
    ['{"dat\\\\a":1,"data":3}', '3'],
    ['{"é":1,"data":4}', '4'],
    [`{"a":"${'x'.repeat(40)}\\\\\\"}","data":"${'y'.repeat(40)}\\\\","z":0}`, `"${'y'.repeat(40)}\\\\"`],
  ])('%s is %s', (text, expected) => {
    expect(JSON.parse(text)).toBeTypeOf('object');
    expect(data(text)).toBe(expected);
  });

  test.each(['{}', ' { } ', '{"x":{"data":1}}', '{"Data":1}', '{"x":"\\"data\\":1"}'])('%s has none', (text) => {
    expect(data(text)).toBeUndefined();
  });

  test('walks nesting as deep as a frame can hold', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(data(`{"data":${deep}}`)?.length).toBe(200_000);
  });

  test('agrees with JSON.parse for every object', () => {
    const key = fc.oneof(fc.constant('data'), fc.string({ unit: 'binary' }), fc.constant('dat\\a'));
    const space = fc.constantFrom('', ' ', '\n', '\t ', '\r');
    // Long ones have a search of their own.
    const long = fc.string({ unit: fc.constantFrom('a', '"', '\\', '}', 'é'), minLength: 20, maxLength: 60 });
    const json = fc.oneof(fc.jsonValue({ maxDepth: 2, stringUnit: 'binary' }), long);
    const member = fc.tuple(key, json, space, fc.boolean());
    fc.assert(
      fc.property(fc.array(member, { maxLength: 4 }), (members) => {
        const body = members.map(([name, value, gap, escaped]) => {
          const spelled = escaped ? escapeAll(name) : JSON.stringify(name);
          return `${gap}${spelled}${gap}:${gap}${JSON.stringify(value, null, gap)}${gap}`;
        });
        const text = `{${body.join(',')}}`;
        const parsed = JSON.parse(text) as Record<string, unknown>;
        const raw = data(text);
        if (!Object.hasOwn(parsed, 'data')) expect(raw).toBeUndefined();
        else expect(JSON.parse(raw ?? '')).toEqual(parsed.data);
      }),
    );
  }, 30_000);
});

/** The same key with every UTF-16 unit as an escape. */
function escapeAll(name: string): string {
  const units = Array.from({ length: name.length }, (_, at) => name.charCodeAt(at).toString(16).padStart(4, '0'));
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`;
}
