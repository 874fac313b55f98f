/** WebSocket close codes of docs/protocol.md, "Close codes". What a client should do is said there. */
export const CLOSE = {
  normal: 1000,
  unsupportedData: 1003,
  policyViolation: 1008,
  restart: 1012,
  overloaded: 1013,
  unauthorized: 4401,
  unknownSubprotocol: 4406,
  timeout: 4408,
  rateLimited: 4429,
} as const;

/** A close frame's reason has at most 123 bytes (RFC 6455, section 5.5.1); ours are ASCII. */
export const MAX_CLOSE_REASON_BYTES = 123;
