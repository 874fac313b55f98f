/** A client of a gateway, for commands: of the local stack, or of `--url` with `--token`. */
import { type ClientOptions, connect, type RoomlogClient, RoomlogClientError } from '../client/index.ts';
import { usageError } from './exit.ts';
import type { GlobalOptions } from './globals.ts';
import { missingStack, readSecret, readStack } from './stack.ts';

export interface ClientWish {
  readonly room: string;
  /** Subject of the token where the command makes it itself. */
  readonly user: string;
  /** Tells what happens on the way, one line each. */
  say(line: string): void;
  readonly options?: Partial<ClientOptions>;
}

/** Tries to connect before the first welcome; after it there is no end to trying. */
const FIRST_ATTEMPTS = 3;
const OWN_TOKEN_TTL_MS = 3_600_000;

/** Resolves once connected. Rejects with `unavailable` when no gateway answers, `unauthorized` and the like when it refuses. */
export async function openClient(globals: GlobalOptions, wish: ClientWish): Promise<RoomlogClient> {
  const client = connect({ ...wish.options, ...findGateway(globals, wish) });
  let attempts = 0;
  let opened = false;
  await new Promise<void>((resolve, reject) => {
    client.on('state', (state) => {
      if (state.state === 'open') {
        if (opened) wish.say(`connected again, to ${state.gateway}`);
        opened = true;
        resolve();
      } else if (state.state === 'waiting') {
        const because = state.reason ? `: ${state.reason}` : '';
        wish.say(`connection ended (${state.closeCode}${because}), next try in ${state.waitMs} ms`);
        attempts += 1;
        if (!opened && attempts >= FIRST_ATTEMPTS) reject(unreachable(state.closeCode, state.reason));
      } else if (state.state === 'closed') {
        reject(state.error ?? new RoomlogClientError('closed', 'The gateway ended the connection.'));
      }
    });
    client.on('error', (error) => wish.say(`${error.code}: ${error.message}`));
  }).catch(async (error: unknown) => {
    await client.close();
    throw error;
  });
  return client;
}

function unreachable(closeCode: number, reason: string): RoomlogClientError {
  const what =
    reason || (closeCode === 1006 ? 'nothing answers there, or it refused the upgrade' : `code ${closeCode}`);
  return new RoomlogClientError('not_connected', `No gateway could be reached: ${what}.`, { closeCode });
}

function findGateway({ url, token, stateDir }: GlobalOptions, wish: ClientWish): Pick<ClientOptions, 'url' | 'token'> {
  const stack = url !== null && token !== null ? null : readStack(stateDir);
  if (url === null && stack === null) throw missingStack(stateDir, 'give --url and --token');
  const found = url ?? stack?.gateways[0]?.ws;
  if (found === undefined) throw missingStack(stateDir, 'give --url and --token');
  if (!/^wss?:\/\//.test(found))
    throw usageError(`--url is a WebSocket URL such as ws://127.0.0.1:7400/v1/ws, not ${found}.`);
  if (token !== null) return { url: found, token };
  const ours = stack?.gateways.some(({ ws }) => ws === found) === true;
  const secret = ours ? readSecret(stateDir) : null;
  if (secret === null) throw usageError(`${found} is no gateway of the stack in ${stateDir}: give --token too.`);
  return { url: found, token: () => ownToken(secret, wish) };
}

async function ownToken(secret: Uint8Array, { room, user }: ClientWish): Promise<string> {
  const { mintToken } = await import('../gateway/auth/mint-token.ts');
  // A pattern matches reserved rooms only if it begins like them.
  const pattern = room.startsWith('@') ? '@**' : '**';
  const rooms = [{ pattern, allow: ['join', 'publish'] as const }];
  return await mintToken(secret, { user, rooms, ttlMs: OWN_TOKEN_TTL_MS, nowMs: Date.now() });
}
