/** A request with our own encoding and decoding, so that every partition's code is seen; a client only carries its bytes. */

export interface WireRequest<Answer> {
  /** Also for metrics. */
  readonly api: keyof typeof API_KEYS;
  readonly apiVersion: number;
  /** All behind the request header. */
  readonly body: Buffer;
  /** Reads all behind the response header. */
  decode(body: Buffer): Answer & Throttled;
}

export interface Throttled {
  /** For so long, ms, the broker does not want to hear more (KIP-219). */
  readonly clientSideThrottleTime: number;
}

export const API_KEYS = { produce: 0, fetch: 1, listOffsets: 2, metadata: 3 } as const;

export function wireRequest<Answer>(
  api: keyof typeof API_KEYS,
  apiVersion: number,
  body: Buffer,
  decode: (body: Buffer) => Answer & Throttled,
): WireRequest<Answer> {
  return { api, apiVersion, body, decode };
}
