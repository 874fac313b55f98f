/**
 * The two connections of a process to Redis: one for commands, one for messages. Nothing here ever waits for Redis to come
 * back: a command fails at once while it is away, and what must be repeated is the business of those who asked. Whether it is away, a
 * circuit breaker knows: commands that fail open it, as a lost connection does; while it is open only pings go through.
 */
import { createHash } from 'node:crypto';
import { Redis, ReplyError } from 'ioredis';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import { CircuitBreaker, type CircuitState } from '../../core/limits/circuit-breaker.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { ShardChannels } from './channels.ts';
import { noRedisMetrics, type RedisMetrics } from './redis-metrics.ts';

const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
/** How often both connections are asked for a sign of life; a cut that no packet tells of is noticed by this alone. */
const PROBE_EVERY_MS = 1_000;
/** Commands that fail in a row before no more are sent. */
const MAX_FAILURES = 5;
/** Errors that Redis answers with while it can't serve; any other is an answer like all others. */
const NOT_SERVING = /^(LOADING|MASTERDOWN|READONLY|CLUSTERDOWN|NOREPLICAS|MISCONF) /;

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
  readonly #circuit: CircuitBreaker;
  /** A connection has come up since the last probe was begun. */
  #isSign = false;

  constructor(config: Config['redis'], logger: LogSink, metrics: RedisMetrics = noRedisMetrics) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.#circuit = new CircuitBreaker({
      now: () => performance.now(),
      maxFailures: MAX_FAILURES,
      maxTryingMs: Number.POSITIVE_INFINITY,
      // The probe's interval sets the pace.
      pauseMs: PROBE_EVERY_MS / 2,
      maxPauseMs: PROBE_EVERY_MS / 2,
      onOpened: () => this.#onOpened(),
    });
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
      connection.on('close', () => this.#circuit.trip());
    }
    this.#commands.on('ready', () => this.#onReady());
    this.#messages.on('ready', () => {
      this.channels.subscribeAll();
      this.#onReady();
    });
  }

  /** Whether commands are sent: both connections answered a probe, and not too much has failed since. */
  get available(): boolean {
    return this.#probe !== null && this.#circuit.state === 'closed';
  }

  get circuit(): CircuitState {
    return this.#circuit.state;
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
    // Away until it is known to be there. Whoever asks is told anyway, so it is no news.
    this.#circuit.trip();
    this.#probe = setInterval(() => void this.#probeNow(), PROBE_EVERY_MS);
    await Promise.allSettled([this.#commands.connect(), this.#messages.connect()]);
    await this.#probeNow();
    if (!this.available)
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
    this.#backAgain.clear();
    this.#commands.disconnect();
    this.#messages.disconnect();
  }

  /** Runs commands at once or not at all. Throws `redis_unreachable`. */
  async run<T>(work: (commands: Redis) => Promise<T>): Promise<T> {
    if (this.#circuit.state !== 'closed') throw redisError(new Error(this.#reason));
    const calledAt = performance.now();
    try {
      const answer = await work(this.#commands);
      this.#metrics.called('answered', performance.now() - calledAt);
      this.#judge(true);
      return answer;
    } catch (thrown) {
      this.#metrics.called('failed', performance.now() - calledAt);
      this.#judge(isAnswer(thrown));
      throw redisError(thrown);
    }
  }

  /** What became of a command. Those that were under way when it opened say nothing new: a probe decides. */
  #judge(answered: boolean): void {
    if (this.#circuit.state !== 'closed') return;
    if (answered) this.#circuit.succeeded();
    else this.#circuit.failed();
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
    if (this.#isSign) this.#circuit.mayBeBack();
    this.#isSign = false;
    const isClosed = this.#circuit.state === 'closed';
    if (!isClosed && !this.#circuit.admit()) return;
    const [commands, messages] = await Promise.all([this.#answers(this.#commands), this.#answers(this.#messages)]);
    if (this.#probe === null) return;
    if (messages) this.channels.subscribeMissing();
    if (commands && messages) this.#onAnswered();
    else if (isClosed) this.#circuit.trip();
    else this.#circuit.failed();
  }

  #onReady(): void {
    this.#isSign = true;
    void this.#probeNow();
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

  /** Not told of a stop, nor where it was away from the start: `start` says that. */
  #onOpened(): void {
    if (this.#probe === null) return;
    this.#metrics.opened();
    this.#logger.warn({ reason: this.#reason }, 'redis does not answer; presence is off until it does');
  }

  #onAnswered(): void {
    const wasAway = this.#circuit.state !== 'closed';
    this.#circuit.succeeded();
    if (!wasAway) return;
    this.#logger.info({}, 'redis answers');
    for (const listener of this.#backAgain) listener();
  }
}

/** Whether Redis itself refused the command, and serves. */
const isAnswer = (thrown: unknown): boolean =>
  thrown instanceof ReplyError && !NOT_SERVING.test((thrown as Error).message);

export function redisError(thrown: unknown): RoomlogError {
  if (thrown instanceof RoomlogError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new RoomlogError('redis_unreachable', `Redis could not be used (${text}); check redis.url.`, {
    cause: thrown,
  });
}
