/** What the bench of connections tells its processes (one JSON job in argv), and its load process over IPC. */
export const SIDES = ['roomlog', 'roomlog without Redis', 'socket.io', 'ws'] as const;
export type Side = (typeof SIDES)[number];

/** What a connection has become, in this order. */
export const STAGES = ['open', 'authenticated', 'in a room'] as const;
export type Stage = (typeof STAGES)[number];

export interface PeerJob {
  readonly side: Exclude<Side, `roomlog${string}`>;
  readonly port: number;
  /** HS256. */
  readonly secret: string;
}

export interface LoadJob {
  /** How the server is spoken to. */
  readonly dialect: 'roomlog' | 'socket.io';
  readonly url: string;
  readonly secret: string;
  readonly connections: number;
  readonly roomSize: number;
  /** Opened, authenticated, joined and closed before anything counts. */
  readonly warmUp: number;
}

export type LoadAsked = { readonly ask: 'warm-up' } | { readonly ask: Stage };

export type LoadSaid =
  | { readonly said: 'ready' }
  /** A stage has been reached by all. `load`: share of a core that this process used for it. */
  | { readonly said: 'done'; readonly load: number; readonly elapsedMs: number; readonly closed: number };
