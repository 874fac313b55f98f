/** A request that goes through kafkajs's connections with our own encoding and decoding, so that every partition's code is seen. */

/** kafkajs copies `buffer` behind its own header; `buf` is what it recognises an encoder by. */
interface EncodedBody {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

export interface WireRequest<Answer> {
  /** For metrics. */
  readonly api: keyof typeof API_KEYS;
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<EncodedBody>;
  };
  readonly response: {
    /** `clientSideThrottleTime` makes kafkajs hold back as the broker asks (KIP-219). */
    decode(body: Buffer): Promise<Answer & { readonly clientSideThrottleTime: number }>;
    parse(decoded: Answer): Promise<Answer>;
  };
}

export const API_KEYS = { produce: 0, fetch: 1, listOffsets: 2, metadata: 3 } as const;

export function wireRequest<Answer>(
  api: keyof typeof API_KEYS,
  apiVersion: number,
  body: Buffer,
  decode: (body: Buffer) => Answer & { readonly clientSideThrottleTime: number },
): WireRequest<Answer> {
  return {
    api,
    request: {
      apiKey: API_KEYS[api],
      apiVersion,
      apiName: api === 'fetch' ? 'Fetch' : api,
      encode: async () => ({ buf: body, buffer: body }),
    },
    response: { decode: async (bytes) => decode(bytes), parse: async (decoded) => decoded },
  };
}
