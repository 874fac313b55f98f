/** What the bench of many rooms tells its process of members (one JSON job in argv, then messages), and hears from it. */
export interface MembersJob {
  readonly url: string;
  readonly token: string;
  readonly roomsPerConnection: number;
}

export type MembersAsked =
  /** Join until so many rooms have a member; rooms by number, each by one connection. */
  { readonly ask: 'join'; readonly rooms: number } | { readonly ask: 'count' };

export type MembersSaid =
  | { readonly said: 'ready' }
  | { readonly said: 'joined'; readonly elapsedMs: number }
  /** Text messages since the start, answers included, CPU time of this process, and connections that ended. */
  | { readonly said: 'count'; readonly messages: number; readonly cpuMs: number; readonly closed: number };
