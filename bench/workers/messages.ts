/** What the bench of workers tells its process of members (one JSON job in argv, then messages), and hears from it. */
export interface MembersJob {
  readonly token: string;
  readonly membersPerRoom: number;
}

export type MembersAsked =
  /** Connect all members of so many rooms, named as in `fan-out`. */
  | { readonly ask: 'begin'; readonly url: string; readonly rooms: number }
  | { readonly ask: 'count' }
  | { readonly ask: 'end' };
export type MembersSaid =
  | { readonly said: 'ready' | 'ended' }
  /** All members are live. `byWorker`: members by the name of who welcomed them. */
  | { readonly said: 'live'; readonly byWorker: Readonly<Record<string, number>> }
  /** What members got since they were live, CPU time of this process, and connections that ended. */
  | { readonly said: 'count'; readonly deliveries: number; readonly cpuMs: number; readonly closed: number };
