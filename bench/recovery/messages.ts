/** What the recovery benches and their client processes say to each other: a job in argv, JSON messages over the process channel. */

export interface Joining {
  readonly room: string;
  /** Fields of `join` beside id and room: `{ after: cursor }`, `{ last: 3 }`. */
  readonly start: Readonly<Record<string, unknown>>;
  /** Events to come before `live`. */
  readonly events: number;
  /** The room's seq that `live` has to say. */
  readonly seq: number;
}

export interface MembersJob {
  readonly url: string;
  readonly token: string;
  /** One connection each. */
  readonly rooms: readonly string[];
}

export interface ReturningJob {
  readonly url: string;
  readonly token: string;
}

/** In argv of bare-ws.ts. */
export interface BareWsJob {
  readonly port: number;
  readonly brokers: readonly string[];
  readonly registry: string;
  /** Live events come from here. */
  readonly topic: string;
  readonly secret: string;
  readonly handshakesPerSecond: number;
  readonly acceptWaitMs: number;
  /** Of those who come back; each has had the first `had` events and missed the `behind` after them. */
  readonly rooms: readonly string[];
  readonly had: number;
  readonly behind: number;
  readonly payloadBytes: number;
}

/** What a member got: when the event should have been sent, on the machine's clock, and how long it took, ms. */
export type Sample = readonly [intendedMs: number, latencyMs: number];

export interface Returned {
  /** From its first try to connect to `live`, ms. */
  readonly liveAfterMs: number;
  /** Of which from `join` to `live`. */
  readonly joinMs: number;
  /** On the machine's clock. */
  readonly liveAtMs: number;
  readonly recovered: boolean;
  /** What is not as it should be; empty where all is. */
  readonly wrong: string;
  /** Handshakes that were refused with 503, joins with `unavailable`. */
  readonly refused: number;
}

export type Asked =
  | { readonly ask: 'samples' }
  /** Connects all of them, spread over so many ms. */
  | { readonly ask: 'return'; readonly joins: readonly Joining[]; readonly spreadMs: number };

export type Said =
  | { readonly said: 'ready' }
  /** Since the last time. */
  | { readonly said: 'samples'; readonly samples: readonly Sample[]; readonly outOfOrder: number }
  | { readonly said: 'returned'; readonly all: readonly Returned[]; readonly bytes: number };
