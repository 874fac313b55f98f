/**
 * The one table of errors. `RoomlogError` is the only thing that Roomlog's code throws on purpose; `assert` is for our own bugs.
 *
 * The first block are the wire protocol's codes (docs/protocol.md); the second are internal ones, which reach operators
 * through logs, the command line and `doctor`, never a client.
 */
export interface ErrorDefinition {
  /** Whether the same request may succeed later without being changed. */
  readonly retryable: boolean;
  /** HTTP status where the error answers a request. */
  readonly status: number;
  /** WebSocket close code where the error ends a connection; absent where it only answers. */
  readonly close?: number;
  /** What happened and what to do about it. */
  readonly message: string;
}

const define = <T extends Record<string, ErrorDefinition>>(table: T): T => table;

export const ERRORS = define({
  // Wire protocol
  bad_frame: {
    retryable: false,
    status: 400,
    close: 1008,
    message: 'The frame does not follow the protocol; see docs/protocol.md.',
  },
  unauthorized: {
    retryable: false,
    status: 401,
    close: 4401,
    message: 'The token is missing, invalid or expired; get a new one.',
  },
  forbidden: {
    retryable: false,
    status: 403,
    close: 4403,
    message: 'The token does not allow this; ask for one whose rooms claim covers it.',
  },
  invalid_room: {
    retryable: false,
    status: 400,
    message: 'A room name has 1 to 200 bytes of UTF-8 and no control characters.',
  },
  too_large: {
    retryable: false,
    status: 413,
    close: 1009,
    message: 'The event is larger than this server accepts; send less.',
  },
  rate_limited: {
    retryable: true,
    status: 429,
    close: 4429,
    message: 'Too many requests; wait retryAfter milliseconds.',
  },
  out_of_order: {
    retryable: true,
    status: 409,
    message: 'An earlier publish of this session is missing; send again from `expected`.',
  },
  session_unknown: {
    retryable: false,
    status: 409,
    message: 'The session is unknown or expired; start a new one with a hello without session.',
  },
  session_in_use: {
    retryable: false,
    status: 409,
    message: 'This publish number was used for other content; give every tab a session of its own.',
  },
  schema_rejected: {
    retryable: false,
    status: 422,
    message: 'The data does not fit the schema bound to this event; see path.',
  },
  too_many_rooms: {
    retryable: false,
    status: 429,
    message: 'This connection has joined as many rooms as it may; leave one first.',
  },
  cursor_invalid: {
    retryable: false,
    status: 400,
    message: 'The cursor is not one of this stream and room; join without it.',
  },
  unavailable: {
    retryable: true,
    status: 503,
    close: 1013,
    message: 'This can not be served right now; try again after retryAfter.',
  },
  outcome_unknown: {
    retryable: true,
    status: 503,
    message: 'It is not known whether the event was published; retry with the same key.',
  },
  draining: { retryable: true, status: 503, close: 1012, message: 'This gateway is shutting down; connect again.' },
  // Internal
  config_invalid: { retryable: false, status: 500, message: 'The configuration is not valid.' },
  kafka_unreachable: {
    retryable: true,
    status: 503,
    message: 'No Kafka broker could be reached; check kafka.brokers and the network.',
  },
  kafka_refused: { retryable: false, status: 500, message: 'Kafka refused the request.' },
  topic_missing: {
    retryable: false,
    status: 500,
    message: 'A topic does not exist; create it with `roomlog topics create`.',
  },
  partition_mismatch: {
    retryable: false,
    status: 500,
    message: 'Inbound and outbound do not have the expected number of partitions; P is fixed for the life of a stream.',
  },
  stream_mismatch: {
    retryable: false,
    status: 500,
    message: 'The topics belong to another stream than the one expected.',
  },
  offset_out_of_range: {
    retryable: false,
    status: 500,
    message: 'The offset is not in the retained range of the partition.',
  },
  corrupt_record: { retryable: false, status: 500, message: 'A record could not be decoded.' },
  schema_not_found: { retryable: false, status: 500, message: 'The registry does not know this schema id.' },
  schema_incompatible: {
    retryable: false,
    status: 500,
    message: 'The registry refused the schema as incompatible with earlier versions.',
  },
  registry_unreachable: {
    retryable: true,
    status: 503,
    message: 'The schema registry could not be reached; check registry.url.',
  },
  registry_refused: {
    retryable: false,
    status: 500,
    message: 'The schema registry refused the request; check registry.username and what it may do.',
  },
  redis_unreachable: { retryable: true, status: 503, message: 'Redis could not be reached; check redis.url.' },
  fold_halted: {
    retryable: false,
    status: 500,
    message: 'The outbound log contradicts itself here; run `roomlog verify`.',
  },
  inbound_replaced: {
    retryable: false,
    status: 500,
    message: 'Inbound is not the topic that outbound was sequenced from.',
  },
  input_lost: {
    retryable: false,
    status: 500,
    message: 'Inbound records were deleted by retention before they were sequenced.',
  },
  usage: { retryable: false, status: 400, message: 'The command line is wrong; --help says what is allowed.' },
  port_taken: { retryable: false, status: 500, message: 'A port is in use by another process.' },
  stack_failed: { retryable: false, status: 500, message: 'The local stack could not be started or stopped.' },
  not_implemented: { retryable: false, status: 501, message: 'This version does not serve this yet.' },
});

export type ErrorCode = keyof typeof ERRORS;

/** What accompanies an error on the wire or in a log; only the named fields ever reach a client. */
export interface ErrorDetails {
  readonly retryAfter?: number;
  readonly expected?: number;
  readonly path?: string;
  readonly [key: string]: unknown;
}

/** An error of the table. `message` defaults to the table's; `details` name the thing to change. */
export class RoomlogError extends Error {
  override readonly name = 'RoomlogError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message?: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message ?? ERRORS[code].message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get definition(): ErrorDefinition {
    return ERRORS[this.code];
  }
}

/** Wraps whatever was thrown, keeping a RoomlogError as it is. */
export function asRoomlogError(thrown: unknown, code: ErrorCode): RoomlogError {
  if (thrown instanceof RoomlogError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new RoomlogError(code, `${ERRORS[code].message} (${text})`, { cause: thrown });
}
