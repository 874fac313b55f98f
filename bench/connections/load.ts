/** Opens connections, authenticates each as a user of its own, and joins it to a room, so many at a time; each stage when it is asked for. */
import { mintToken } from '../../gateway/auth/mint-token.ts';
import { LeanClient } from '../fan-out/lean-client.ts';
import { round } from '../support/latency.ts';
import type { LoadAsked, LoadJob, LoadSaid, Stage } from './messages.ts';

const AT_ONCE = 100;
const TOKEN_TTL_MS = 3_600_000;

const job = JSON.parse(process.argv[2] ?? '{}') as LoadJob;
const secret = Buffer.from(job.secret);
let closed = 0;

interface Dialect {
  /** What the server says first by itself, or null. */
  readonly greeting: string | null;
  authenticate(token: string): string;
  /** Begins the answer that ends the stage. */
  readonly welcome: string;
  join(room: string): string;
  readonly joined: string;
}

const DIALECTS: Record<LoadJob['dialect'], Dialect> = {
  roomlog: {
    greeting: null,
    authenticate: (token) => JSON.stringify({ type: 'hello', token }),
    welcome: '{"type":"welcome"',
    join: (room) => JSON.stringify({ type: 'join', id: 1, room }),
    joined: '{"type":"live"',
  },
  // Engine.IO 4: 0 open, 2 ping, 3 pong, 4 message; Socket.IO 5 in it: 0 connect, 2 event.
  'socket.io': {
    greeting: '0{',
    authenticate: (token) => `40${JSON.stringify({ token })}`,
    welcome: '40{',
    join: (room) => `42${JSON.stringify(['join', room])}`,
    joined: '42["joined"',
  },
};
const dialect = DIALECTS[job.dialect];

class Client {
  readonly #token: string;
  readonly #room: string;
  #lean: LeanClient | null = null;
  #awaited: { readonly prefix: string; readonly resolve: () => void } | null = null;

  constructor(token: string, room: string) {
    this.#token = token;
    this.#room = room;
  }

  async open(): Promise<void> {
    const greeted = dialect.greeting === null ? null : this.#await(dialect.greeting);
    this.#lean = await LeanClient.open({
      url: job.url,
      protocol: null,
      compression: false,
      onText: (payload, lean) => this.#onText(payload, lean),
      onClose: () => {
        closed += 1;
      },
    });
    await greeted;
  }

  authenticate(): Promise<void> {
    return this.#ask(dialect.authenticate(this.#token), dialect.welcome);
  }

  join(): Promise<void> {
    return this.#ask(dialect.join(this.#room), dialect.joined);
  }

  end(): void {
    this.#lean?.end();
  }

  #ask(frame: string, prefix: string): Promise<void> {
    const answered = this.#await(prefix);
    this.#lean?.send(frame);
    return answered;
  }

  #await(prefix: string): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { prefix, resolve };
    });
  }

  #onText(payload: Buffer, lean: LeanClient): void {
    if (job.dialect === 'socket.io' && payload.length === 1 && payload[0] === 0x32) lean.send('3');
    if (this.#awaited === null || !payload.toString('latin1', 0, 32).startsWith(this.#awaited.prefix)) return;
    const { resolve } = this.#awaited;
    this.#awaited = null;
    resolve();
  }
}

async function inTurn(clients: readonly Client[], step: (client: Client) => Promise<void>): Promise<void> {
  const left = clients.values();
  const work = async (): Promise<void> => {
    for (const client of left) await step(client);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

const say = (said: LoadSaid): void => void process.send?.(said);

async function makeClients(count: number, kind: string): Promise<Client[]> {
  const rooms = [{ pattern: 'bench/**', allow: ['join', 'publish'] as const }];
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const wish = { user: `${kind}-${index}`, rooms, ttlMs: TOKEN_TTL_MS, nowMs: Date.now() };
      const room = `bench/${kind}/${Math.floor(index / job.roomSize)}`;
      return new Client(await mintToken(secret, wish), room);
    }),
  );
}

const STEPS: Record<Stage, (client: Client) => Promise<void>> = {
  open: (client) => client.open(),
  authenticated: (client) => client.authenticate(),
  'in a room': (client) => client.join(),
};

const warm = await makeClients(job.warmUp, 'warm');
const clients = await makeClients(job.connections, 'member');

async function act({ ask }: LoadAsked): Promise<void> {
  const before = process.cpuUsage();
  const startedAtMs = performance.now();
  if (ask === 'warm-up') {
    for (const step of Object.values(STEPS)) await inTurn(warm, step);
    for (const client of warm) client.end();
    while (closed < warm.length) await new Promise((resolve) => setTimeout(resolve, 20));
    closed = 0;
  } else await inTurn(clients, STEPS[ask]);
  const elapsedMs = performance.now() - startedAtMs;
  const { user, system } = process.cpuUsage(before);
  say({ said: 'done', load: round((user + system) / 1e3 / elapsedMs), elapsedMs: Math.round(elapsedMs), closed });
}

process.on('message', (asked: LoadAsked) => void act(asked));
process.on('disconnect', () => process.exit(0));
say({ said: 'ready' });
