/** Where each frame type stands in the unions of schemas/client-frame.avsc and schemas/server-frame.avsc. */
export const CLIENT_BRANCHES = ['hello', 'join', 'leave', 'publish', 'signal', 'presence', 'refresh', 'ping'] as const;

export type ClientType = (typeof CLIENT_BRANCHES)[number];

export const SERVER_BRANCH = {
  welcome: 0,
  joined: 1,
  event: 2,
  ephemeral: 3,
  batch: 4,
  gap: 5,
  live: 6,
  ack: 7,
  error: 8,
  members: 9,
  presence: 10,
  left: 11,
  refreshed: 12,
  pong: 13,
  reconnect: 14,
} as const;
