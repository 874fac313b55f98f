/** What a supervisor and its workers say to each other, as JSON over Node's IPC channel. */
import type { Config } from '../../core/config/schema.ts';
import type { ErrorCode } from '../../core/errors.ts';

export type WorkerTold =
  /** The first message. The configuration travels here, since it holds secrets: arguments and environment can be read by others. */
  | { readonly tell: 'start'; readonly config: Config }
  /** Drain and end. */
  | { readonly tell: 'stop' };

export type WorkerSaid =
  /** Probes, health and metrics are answered at this base URL. */
  | { readonly said: 'admin'; readonly url: string }
  /** Clients are taken. */
  | { readonly said: 'serving' }
  /** It could not start, and ends. `code` is null for what is no error of ours. */
  | { readonly said: 'failed'; readonly code: ErrorCode | null; readonly message: string };
