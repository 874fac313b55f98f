/** What the harness and its load processes say to each other. */

export interface ClientPlan {
  readonly name: string;
  readonly user: string;
  readonly token: string;
  readonly joins: readonly RoomPlan[];
  /** Rooms that it publishes to, in turn. */
  readonly publishes: readonly string[];
  /** Whether deliveries are recorded as they came over the wire, or as the SDK handed them to its application. */
  readonly view: 'wire' | 'sdk';
}

export interface RoomPlan {
  readonly room: string;
  readonly from: 'start' | 'now';
  readonly presence: boolean;
}

export interface LoadPlan {
  readonly process: string;
  readonly urls: readonly string[];
  readonly clients: readonly ClientPlan[];
  readonly partitions: number;
  readonly historyFile: string;
  readonly seed: number;
}

export type Command =
  | { readonly do: 'open'; readonly plan: LoadPlan }
  /** Publishes and lost connections a second, over all clients of the process; 0 stops. */
  | { readonly do: 'pace'; readonly publishesPerSecond: number; readonly churnPerSecond: number }
  /** Waits until nothing is unanswered and every member has come to its room's head. */
  | { readonly do: 'drain'; readonly heads: Readonly<Record<string, number>> | null; readonly withinMs: number }
  | { readonly do: 'end' };

export interface Progress {
  readonly told: 'progress';
  readonly open: number;
  readonly clients: number;
  readonly published: number;
  readonly acked: number;
  readonly delivered: number;
  readonly pending: number;
  /** By partition: when the newest publish that was acked was sent, monotonic ms; 0 before the first. */
  readonly ackedSentAt: readonly number[];
  /** By partition: when the last ack came, monotonic ms; 0 before the first. */
  readonly ackedAt: readonly number[];
  /** Error frames to publishes, by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Connections that ended, by close code; `own` for those that the client gave up. */
  readonly closes: Readonly<Record<string, number>>;
}

export type Told =
  | Progress
  | { readonly told: 'opened' }
  /** What was left when the time was over; [] when everything came. */
  | { readonly told: 'drained'; readonly left: readonly string[] }
  | { readonly told: 'ended'; readonly problems: readonly string[] };
