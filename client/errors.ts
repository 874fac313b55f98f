/** What this SDK rejects with and reports. Codes are the protocol's (docs/protocol.md) and the client's own below. */

/**
 * - `closed`: the client was closed, or has stopped for good; `cause` says why.
 * - `queue_full`: more publishes wait than `maxQueuedPublishes`; await some of them.
 * - `not_connected`: an ephemeral publish or a request while there is no connection; nothing was sent.
 * - `connection_lost`: the connection went before the answer, and the request is not one that is repeated.
 * - `outcome_unknown`: the session ended while it was open whether this publish had been sequenced.
 * - `hole`: the gateway skipped room numbers without a `gap`: a bug in Roomlog.
 * - `timeout`: no answer in time.
 */
export type ClientErrorCode =
  | 'closed'
  | 'queue_full'
  | 'not_connected'
  | 'connection_lost'
  | 'outcome_unknown'
  | 'hole'
  | 'timeout'
  | 'bad_answer'
  | 'token_unavailable';

/** Codes after which the same request may succeed without being changed. */
const RETRYABLE: ReadonlySet<string> = new Set([
  'rate_limited',
  'out_of_order',
  'unavailable',
  'outcome_unknown',
  'draining',
  'queue_full',
  'not_connected',
  'connection_lost',
  'timeout',
  'token_unavailable',
]);

export interface ClientErrorDetails {
  readonly room?: string;
  /** ms to wait before a retry. */
  readonly retryAfterMs?: number;
  /** The pub that the sequencer waits for. */
  readonly expected?: number;
  /** The field that was refused. */
  readonly path?: string;
  /** The WebSocket close code that ended the client. */
  readonly closeCode?: number;
  /** Of a publish: whether it may have been sequenced in spite of this error. */
  readonly outcome?: 'not_published' | 'unknown';
}

export class RoomlogClientError extends Error {
  override readonly name = 'RoomlogClientError';
  readonly code: string;
  readonly retryable: boolean;
  readonly details: ClientErrorDetails;

  constructor(
    code: ClientErrorCode | (string & {}),
    message: string,
    details: ClientErrorDetails = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = RETRYABLE.has(code);
    this.details = details;
  }
}
