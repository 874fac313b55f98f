import { describe, expect, it } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import { createLogger } from './log.ts';

function capture(pretty: boolean, level: 'info' | 'debug' = 'info') {
  const lines: string[] = [];
  const logger = createLogger(
    { log: { level, pretty } },
    { name: 'gateway', destination: { write: (line: string) => void lines.push(line) } },
  );
  return { logger, lines };
}

describe('log lines', () => {
  it('are one JSON object each, with level and time in words', () => {
    const { logger, lines } = capture(false);
    logger.info({ port: 7400 }, 'listening');
    logger.debug('not shown');
    expect(lines).toHaveLength(1);
    const line = JSON.parse(lines[0] ?? '');
    expect(line).toMatchObject({ level: 'info', name: 'gateway', port: 7400, msg: 'listening' });
    expect(new Date(line.time).getTime()).toBeGreaterThan(0);
  });

  it.each([false, true])('never show tokens, secrets or payloads (pretty: %s)', (pretty) => {
    const { logger, lines } = capture(pretty);
    const hidden = 'hush-hush';
    for (const name of ['token', 'secret', 'password', 'authorization', 'cookie', 'data', 'payload', 'frame', 'meta']) {
      logger.warn({
        [name]: hidden,
        request: { [name]: hidden, headers: { [name]: hidden } },
        headers: { [name]: hidden },
      });
    }
    expect(lines).toHaveLength(9);
    expect(lines.join('')).not.toContain(hidden);
  });

  it.each([false, true])('can not be forged by a value (pretty: %s)', (pretty) => {
    const { logger, lines } = capture(pretty);
    logger.info({ room: 'a\n{"level":"error"}\u001b[31m\u2028' }, 'joined\r\nforged');
    expect(lines.join('').split(/[\r\n]/)).toHaveLength(2);
    expect(lines.join('')).not.toContain('\u001b');
  });

  it('show an error with its code, details and causes', () => {
    const { logger, lines } = capture(false);
    const cause = new Error('ECONNREFUSED');
    logger.error({ err: new RoomlogError('redis_unreachable', undefined, { cause, details: { retryAfter: 5 } }) });
    expect(JSON.parse(lines[0] ?? '').err).toMatchObject({
      type: 'RoomlogError',
      code: 'redis_unreachable',
      details: { retryAfter: 5 },
      cause: { message: 'ECONNREFUSED' },
    });
  });

  it('are readable when pretty, with the stack below', () => {
    const { logger, lines } = capture(true);
    logger.error({ err: new RoomlogError('redis_unreachable'), attempt: 3 }, 'presence is off');
    expect(lines[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} {2}ERROR {2}gateway {2}presence is off {2}attempt=3\n {4}RoomlogError redis_unreachable /,
    );
    expect(lines[0]).toMatch(/\n {6}at /);
  });
});
