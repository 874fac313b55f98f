/** What both sides of a thread share: its program, its limits, and errors on their way out: structured cloning keeps an error's text, but not its kind. */
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

/** Records of a fetch live until it was worked off: a small young generation would copy them several times. */
export const THREAD_LIMITS = { maxYoungGenerationSizeMb: 64 } as const;

/** A thread's program by its name in this folder. Sources run as .ts, the package as .js. */
export function threadScript(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}
