/** Errors on their way out of a thread: structured cloning keeps an error's text, but not its kind. */
import { type ErrorCode, type ErrorDetails, RoomlogError } from '../../core/errors.ts';

export interface Failure {
  /** null: not one of ours. */
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly details: ErrorDetails;
}

export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof RoomlogError) {
    const { code, message, details } = thrown;
    return { code, message, details };
  }
  return { code: null, message: thrown instanceof Error ? thrown.message : String(thrown), details: {} };
}

export function errorOf({ code, message, details }: Failure): Error {
  return code === null ? new Error(message) : new RoomlogError(code, message, { details });
}
