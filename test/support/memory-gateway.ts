/** A whole gateway on real ports over a stream in memory: the edge and the stream half are the real ones, as is the sequencer. */

import { MemoryConnectionRegistry } from '../../adapters/memory/connections.ts';
import { MemoryEphemeralBus } from '../../adapters/memory/ephemeral.ts';
import { MemoryPresence, PresenceHub } from '../../adapters/memory/presence.ts';
import { createLogger } from '../../adapters/telemetry/log.ts';
import { createMetrics, type Metrics } from '../../adapters/telemetry/metrics.ts';
import type { Sequencer } from '../../consumers/sequencer/sequencer.ts';
import { type Config, configSchema } from '../../core/config/schema.ts';
import { mintToken, type TokenWish } from '../../gateway/auth/mint-token.ts';
import { type GatewayDependencies, type RunningGateway, startGateway } from '../../gateway/main.ts';
import { MemoryStream } from './memory-stream.ts';
import { ready } from './running-sequencers.ts';
import { WireClient } from './wire-client.ts';

export const SECRET = 'a secret for tests that is long enough';
const ALL_ROOMS: TokenWish['rooms'] = [{ pattern: '**', allow: ['join', 'publish'] }];

export interface MemoryGatewayOptions {
  readonly partitions?: number;
  readonly gateway?: Partial<Config['gateway']>;
  readonly auth?: Partial<Config['auth']>;
  readonly registry?: Partial<Config['registry']>;
  readonly dependencies?: GatewayDependencies;
  /** Share another gateway's stream (and its sequencer). */
  readonly stream?: MemoryStream;
}

export class MemoryGateway {
  readonly stream: MemoryStream;
  readonly running: RunningGateway;
  readonly metrics: Metrics;
  readonly sequencer: Sequencer | null;
  readonly #clients = new Set<WireClient>();

  private constructor(stream: MemoryStream, running: RunningGateway, metrics: Metrics, sequencer: Sequencer | null) {
    this.stream = stream;
    this.running = running;
    this.metrics = metrics;
    this.sequencer = sequencer;
  }

  static async start(options: MemoryGatewayOptions = {}): Promise<MemoryGateway> {
    const stream = options.stream ?? new MemoryStream({ partitions: options.partitions ?? 4 });
    const config = configSchema.parse({
      stream: { prefix: 'test', partitions: stream.partitions },
      auth: { secret: SECRET, ...options.auth },
      registry: options.registry ?? {},
      gateway: { port: 0, adminPort: 0, drainWindowMs: 50, ...options.gateway },
      log: { level: 'silent' },
    });
    const metrics = createMetrics();
    let sequencer: Sequencer | null = null;
    if (options.stream === undefined) {
      sequencer = stream.sequencer('sequencer-1');
      await sequencer.start();
      await ready(sequencer);
    }
    const running = await startGateway(config, {
      metrics,
      logger: createLogger(config, { name: 'test' }),
      openLog: async () => stream.cluster.open('gateway'),
      openCodec: async () => stream.newCodec(),
      subjects: stream.registry,
      stores: {
        presence: new MemoryPresence(new PresenceHub()),
        ephemeral: new MemoryEphemeralBus(),
        connections: new MemoryConnectionRegistry(),
      },
      ...options.dependencies,
    });
    return new MemoryGateway(stream, running, metrics, sequencer);
  }

  get ws(): string {
    return `${this.running.url.replace('http', 'ws')}/v1/ws`;
  }

  token(user = 'alice', wish: Partial<TokenWish> = {}): Promise<string> {
    return mintToken(Buffer.from(SECRET), { user, rooms: ALL_ROOMS, ttlMs: 60_000, nowMs: Date.now(), ...wish });
  }

  /** A client that has been welcomed. */
  async client(user = 'alice', hello: object = {}, protocols: string[] = []): Promise<WireClient> {
    return this.track(await WireClient.hello(this.ws, await this.token(user), hello, protocols));
  }

  track(client: WireClient): WireClient {
    this.#clients.add(client);
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.socket.terminate();
    await this.running.stop();
    await this.sequencer?.stop();
    await this.metrics.shutdown();
  }
}
