import { describe, expect, it } from 'vitest';
import { RoomlogError } from '../core/errors.ts';
import { parseFrom } from './commands/tail.ts';
import { exitCodeOf, explain, usageError } from './exit.ts';
import { globalOptions } from './globals.ts';
import { printable } from './output.ts';

describe('output for terminals', () => {
  it('shows control characters instead of obeying them', () => {
    expect(printable('a\u001b[31mred\u009b0m\u0007\u2028')).toBe('a\\u001b[31mred\\u009b0m\\u0007\\u2028');
  });
});

describe('errors', () => {
  it('become the exit codes of docs/cli.md', () => {
    expect(exitCodeOf(usageError('no'))).toBe(2);
    expect(exitCodeOf(new RoomlogError('config_invalid'))).toBe(2);
    expect(exitCodeOf(new RoomlogError('kafka_unreachable'))).toBe(3);
    expect(exitCodeOf(new RoomlogError('forbidden'))).toBe(1);
  });

  it('are told with code and cause, and with a stack only where they are bugs', () => {
    expect(explain(new RoomlogError('forbidden', 'No.', { cause: new Error('why') }))).toBe(
      'roomlog: forbidden: No. (why)',
    );
    expect(explain(usageError('Wrong.'))).toBe('roomlog: Wrong.');
    expect(explain(new TypeError('oops'))).toContain('    at ');
  });
});

describe('--from', () => {
  it('becomes the fields of a join', () => {
    expect(parseFrom('live')).toEqual({});
    expect(parseFrom('start')).toEqual({ after: 'start' });
    expect(parseFrom('last:5')).toEqual({ last: 5 });
    expect(parseFrom('cursor:abc')).toEqual({ after: 'abc' });
    expect(parseFrom('time:1970-01-01T00:00:01Z')).toEqual({ since: 1000 });
    for (const text of ['', 'cursor:', 'time:', 'last:0', 'live:1', 'end']) expect(() => parseFrom(text)).toThrow();
  });
});

describe('global options', () => {
  it('come from the command line, then the environment', () => {
    const env = { ROOMLOG_URL: 'ws://env', ROOMLOG_TOKEN: 't' };
    expect(globalOptions({ url: 'ws://flag' }, env)).toEqual({
      stateDir: '.roomlog',
      url: 'ws://flag',
      token: 't',
      output: 'text',
    });
    expect(() => globalOptions({ output: 'xml' }, env)).toThrow(/-o is text or json/);
  });
});
