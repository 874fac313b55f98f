import { describe, expect, it } from 'vitest';
import { asRoomlogError, ERRORS, RoomlogError } from './errors.ts';

/** The close codes of docs/protocol.md. */
const CLOSE_CODES = [1003, 1008, 1009, 1012, 1013, 4401, 4403, 4408, 4429];

describe('the table of errors', () => {
  it.each(Object.entries(ERRORS))('%s has a status, a close code that exists, and a sentence', (_, definition) => {
    expect(definition.status).toBeGreaterThanOrEqual(400);
    expect(definition.status).toBeLessThan(600);
    if ('close' in definition) expect(CLOSE_CODES).toContain(definition.close);
    expect(definition.message).toMatch(/^[A-Z].*\.$/);
  });

  it('gives its message where none is given, and keeps the cause', () => {
    const cause = new Error('inner');
    const error = new RoomlogError('too_large', undefined, { cause, details: { path: 'data' } });
    expect(error.message).toBe(ERRORS.too_large.message);
    expect(error.cause).toBe(cause);
    expect(error.details).toEqual({ path: 'data' });
    expect(error.definition).toBe(ERRORS.too_large);
  });

  it('wraps what others throw and leaves its own alone', () => {
    const own = new RoomlogError('draining');
    expect(asRoomlogError(own, 'unavailable')).toBe(own);
    expect(asRoomlogError('text', 'unavailable')).toMatchObject({ code: 'unavailable', cause: 'text' });
  });
});
