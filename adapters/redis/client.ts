/**
 * The two connections of a process to Redis: one for commands, one for messages. Nothing here ever waits for Redis to come
 * back: a command fails at once while it is away, and what must be repeated is the business of those who asked.
 */
import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { ShardChannels } from './channels.ts';
import { noRedisMetrics, type RedisMetrics } from './redis-metrics.ts';

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
/** How often both connections are asked for a sign of life; a cut that no packet tells of is noticed by this alone. */
const PROBE_EVERY_MS = 1_000;

/** A Lua script and the name under which Redis remembers it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

export const script = (text: string): Script => ({ text, sha: createHash('sha1').update(text).digest('hex') });

export class RedisLink {
  readonly channels: ShardChannels;
  readonly #commands: Redis;
  readonly #messages: Redis;
  readonly #logger: LogSink;
  readonly #metrics: RedisMetrics;
  readonly #backAgain = new Set<() => void>();
  #users = 0;
  /** The last thing that went wrong, for people. */
  #reason = 'no answer';
  #probe: NodeJS.Timeout | null = null;
  #probing: Promise<void> | null = null;
  #probeNext: Promise<void> | null = null;
  #answering = false;

  constructor(config: Config['redis'], logger: LogSink, metrics: RedisMetrics = noRedisMetrics) {
    this.#logger = logger;
    this.#metrics = metrics;
    const options = {
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      protocol: 2 as const,
      connectTimeout: config.commandTimeoutMs,
      commandTimeout: config.commandTimeoutMs,
      retryStrategy: (attempt: number) =>
        Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2),
    };
    this.#commands = new Redis(config.url, { ...options, enableAutoPipelining: true });
    this.#messages = new Redis(config.url, options);
    this.channels = new ShardChannels(this.#messages);
    // Without a listener an error would end the process; what failed is told by `#setAnswering` and by the commands.
    for (const connection of [this.#commands, this.#messages]) {
      connection.on('error', (error) => {
        this.#reason = error.message;
        this.#logger.debug({ reason: error.message }, 'redis connection error');
      });
      connection.on('close', () => this.#setAnswering(false));
    }
    this.#commands.on('ready', () => void this.#probeNow());
    this.#messages.on('ready', () => {
      this.channels.subscribeAll();
      void this.#probeNow();
    });
  }

  /** Whether both connections answered their last probe. */
  get available(): boolean {
    return this.#answering;
  }

  /** Called each time that Redis can be used again after it could not, the first time included. */
  onAvailable(listener: () => void): void {
    this.#backAgain.add(listener);
  }

  /**
   * Connects for the first of its users; resolves after the first try, whatever came of it. Going on trying needs no further
   * call.
   */
  async start(): Promise<void> {
    this.#users++;
    if (this.#probe !== null) return;
    this.#probe = setInterval(() => void this.#probeNow(), PROBE_EVERY_MS);
    await Promise.allSettled([this.#commands.connect(), this.#messages.connect()]);
    await this.#probeNow();
    if (!this.#answering)
      this.#logger.warn(
        { reason: this.#reason },
        'redis can not be used; presence is off until it can. Check redis.url',
      );
  }

  /** Closes when the last of its users has stopped. */
  async stop(): Promise<void> {
    this.#users = Math.max(0, this.#users - 1);
    if (this.#users > 0 || this.#probe === null) return;
    clearInterval(this.#probe);
    this.#probe = null;
    this.#answering = false;
    this.#backAgain.clear();
    this.#commands.disconnect();
    this.#messages.disconnect();
  }

  /** Runs commands at once or not at all. Throws `redis_unreachable`. */
  async run<T>(work: (commands: Redis) => Promise<T>): Promise<T> {
    const calledAt = performance.now();
    try {
      const answer = await work(this.#commands);
      this.#metrics.called('answered', performance.now() - calledAt);
      return answer;
    } catch (thrown) {
      this.#metrics.called('failed', performance.now() - calledAt);
      throw redisError(thrown);
    }
  }

  /** All keys of a script must share a hash tag. Throws `redis_unreachable`. */
  async runScript(of: Script, keys: readonly string[], args: ReadonlyArray<string | number>): Promise<unknown> {
    return await this.run(async (commands) => {
      try {
        return await commands.evalsha(of.sha, keys.length, ...keys, ...args);
      } catch (thrown) {
        if (!(thrown instanceof Error) || !thrown.message.startsWith('NOSCRIPT')) throw thrown;
        return await commands.eval(of.text, keys.length, ...keys, ...args);
      }
    });
  }

  /** One probe at a time; one that is asked for meanwhile follows it, since the first may have looked too early. */
  #probeNow(): Promise<void> {
    if (this.#probing === null) {
      this.#probing = this.#probeOnce().finally(() => {
        this.#probing = null;
      });
    } else {
      this.#probeNext ??= this.#probing.then(() => {
        this.#probeNext = null;
        return this.#probeNow();
      });
    }
    return this.#probeNext ?? this.#probing;
  }

  async #probeOnce(): Promise<void> {
    if (this.#probe === null) return;
    const [commands, messages] = await Promise.all([this.#answers(this.#commands), this.#answers(this.#messages)]);
    if (this.#probe === null) return;
    if (messages) this.channels.subscribeMissing();
    this.#setAnswering(commands && messages);
  }

  /** A ping within the command's time-out. A connection that says it is ready but does not answer is replaced. */
  async #answers(connection: Redis): Promise<boolean> {
    if (connection.status !== 'ready') return false;
    try {
      await connection.ping();
      return true;
    } catch (error) {
      this.#reason = error instanceof Error ? error.message : String(error);
      if (connection.status === 'ready') connection.disconnect(true);
      return false;
    }
  }

  #setAnswering(answering: boolean): void {
    if (answering === this.#answering) return;
    this.#answering = answering;
    if (this.#probe === null) return;
    if (!answering) {
      this.#logger.warn({ reason: this.#reason }, 'redis does not answer; presence is off until it does');
      return;
    }
    this.#logger.info({}, 'redis answers');
    for (const listener of this.#backAgain) listener();
  }
}

export function redisError(thrown: unknown): RoomlogError {
  if (thrown instanceof RoomlogError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new RoomlogError('redis_unreachable', `Redis could not be used (${text}); check redis.url.`, {
    cause: thrown,
  });
}
