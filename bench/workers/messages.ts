/** What the bench of workers tells its load process (one JSON job in argv), and hears from it (messages). */
export interface LoadJob {
  /** Whether it writes the events; else it only has members. */
  readonly writes: boolean;
  readonly token: string;
  readonly members: number;
  readonly brokers: readonly string[];
  readonly registry: string;
  readonly topic: string;
  readonly partitions: number;
  /** Events that may be under way to members. */
  readonly inFlight: number;
  readonly payloadBytes: number;
}

export type LoadAsked =
  /** Connect all members, then let events flow. */
  { readonly ask: 'begin'; readonly url: string } | { readonly ask: 'count' } | { readonly ask: 'end' };
export type LoadSaid =
  | { readonly said: 'ready' | 'ended' }
  /** All members are in the room, and events flow. `byWorker`: members by the name of who welcomed them. */
  | { readonly said: 'flowing'; readonly byWorker: Readonly<Record<string, number>> }
  | { readonly said: 'count'; readonly deliveries: number; readonly cpuMs: number; readonly closed: number };
