/** An error on its way from one thread to another: structured cloning keeps its text, but not what kind it is. */
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

/** A thread's program by its name in this folder. Sources run as .ts, the package as .js. */
export function threadScript(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}
