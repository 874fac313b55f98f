/** What the client's tests share: a gateway of each test's own that is played, a client of it, and frames. */
import { afterEach, beforeEach, onTestFinished } from 'vitest';
import { WebSocket as NodeWebSocket } from 'ws';
import { connect, type RoomlogClient } from '../client.ts';
import type { WebSocketConstructor } from '../connection.ts';
import type { ClientOptions, ClientState } from '../options.ts';
import { ScriptedGateway } from './scripted-gateway.ts';

/** The one of the test that runs. */
export let gateway: ScriptedGateway;

/** Call it once in a test file. */
export function playGateways(): void {
  beforeEach(async () => {
    gateway = await ScriptedGateway.start();
  });
  afterEach(() => gateway.stop());
}

export function open(options: Partial<ClientOptions> = {}): RoomlogClient & { states: ClientState[] } {
  const client = connect({
    url: gateway.url,
    token: 'a token',
    backoff: { minMs: 2, maxMs: 10 },
    webSocket: NodeWebSocket as unknown as WebSocketConstructor,
    ...options,
  });
  const states: ClientState[] = [];
  client.on('state', (state) => states.push(state));
  onTestFinished(() => client.close());
  return Object.assign(client, { states });
}

export const event = (seq: number, room = 'r') => ({
  type: 'event',
  room,
  seq,
  cursor: `c${seq}`,
  time: 1_000 + seq,
  user: 'bob',
  event: 'say',
  data: { n: seq },
});

export const joinedFrame = (id: number | undefined, seq = 0, room = 'r') => ({
  type: 'joined',
  id,
  room,
  seq,
  cursor: `head${seq}`,
  recovered: true,
});

/** Resolves as soon as `condition` holds, looking after every turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
