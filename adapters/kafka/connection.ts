/**
 * One purpose's sockets to all brokers. A broker answers one request per socket at a time, so a fetch that waits for data would
 * hold an append back: every tail, the appends, the reads and the group have a `Connections` of their own.
 *
 * A socket that failed in any way is never used again: its connection is dropped and built anew (kafkajs keeps half-read answers across reconnects).
 */
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { KafkaMetrics } from './kafka-metrics.ts';
import type { Reachability } from './reachability.ts';
import {
  type BrokerConnection,
  BrokerRefusal,
  type CreateTransport,
  NotSentError,
  type Transport,
} from './transport.ts';
import type { BrokerAddress } from './wire/metadata.ts';
import type { WireRequest } from './wire/request.ts';

export interface ConnectionsOptions {
  readonly createTransport: CreateTransport;
  readonly config: Config['kafka'];
  readonly clientId: string;
  readonly logger: LogSink;
  readonly reachability: Reachability;
  /** An answer later than this is a failure. */
  readonly requestTimeoutMs: number;
  readonly metrics: KafkaMetrics;
}

/**
 * The clients time a request from when they hand it to the socket. One that they keep back (a broker's answer may tell kafkajs to, for as
 * long as the broker likes) and a connection that stands half open have no timer of theirs; this much later ours ends them.
 */
const SILENCE_GRACE_MS = 1_000;

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #transport: Transport;
  /** By `host:port`. */
  readonly #brokers = new Map<string, Promise<BrokerConnection>>();
  /** What those promises became. */
  readonly #current = new Map<string, BrokerConnection>();
  #closed = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#transport = options.createTransport(options.config, options);
  }

  /**
   * Sends one request, never twice. Throws `NotSentError` where it surely did not leave, else `kafka_unreachable` where no answer
   * came or it could not be read.
   */
  async send<Answer>(address: BrokerAddress, request: WireRequest<Answer>): Promise<Answer> {
    return (await this.sendLate(address, () => request, request.api)) as Answer;
  }

  /** The same with a request that is made once the connection stands; null, then nothing is sent and the answer is null. */
  async sendLate<Answer>(
    address: BrokerAddress,
    make: () => WireRequest<Answer> | null,
    api: string,
  ): Promise<Answer | null> {
    return this.use(address, api, async (broker) => {
      await broker.ready(api);
      const request = make();
      return request === null ? null : broker.send(request).catch(notRefused);
    });
  }

  /** As `send`, for the client's own requests; `api` is for metrics. A `BrokerRefusal` is thrown as it is. */
  async use<Answer>(
    address: BrokerAddress,
    api: string,
    ask: (broker: BrokerConnection) => Promise<Answer>,
  ): Promise<Answer> {
    const { reachability, metrics } = this.#options;
    reachability.asked();
    let broker: BrokerConnection;
    try {
      broker = await this.#broker(address);
      if (!broker.usable) {
        // Brokers close what is idle for minutes.
        this.#drop(address, broker);
        broker = await this.#broker(address);
      }
    } catch (cause) {
      reachability.failed();
      metrics.requested(api, 'not_sent', 0);
      throw new NotSentError('kafka_unreachable', `${keyOf(address)} can't be used (${textOf(cause)}).`, {
        cause,
        details: where(address),
      });
    }
    const askedAt = performance.now();
    try {
      const answer = await within(this.#deadlineMs(api), ask(broker));
      reachability.answered();
      metrics.requested(api, 'answered', performance.now() - askedAt);
      return answer;
    } catch (cause) {
      if (cause instanceof BrokerRefusal) {
        reachability.answered();
        metrics.requested(api, 'refused', performance.now() - askedAt);
        throw cause;
      }
      reachability.failed();
      this.#drop(address, broker);
      const hasNotLeft = cause instanceof NotSentError;
      metrics.requested(api, hasNotLeft ? 'not_sent' : 'failed', performance.now() - askedAt);
      const ErrorClass = hasNotLeft ? NotSentError : RoomlogError;
      throw new ErrorClass('kafka_unreachable', `No answer from ${keyOf(address)} (${textOf(cause)}).`, {
        cause,
        details: where(address),
      });
    }
  }

  /** Fails what waits for this broker's answers, and ends its sockets; the next request opens new ones. */
  giveUp(address: BrokerAddress): void {
    const key = keyOf(address);
    const broker = this.#current.get(key);
    if (broker) this.#drop(address, broker);
    else this.#brokers.delete(key);
  }

  /** Nothing will ever be answered again: no use in trying once more. */
  get closed(): boolean {
    return this.#closed;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // First the sockets, so that nothing below waits for a broker that does not answer.
    this.#transport.destroySockets();
    const brokers = await Promise.allSettled(this.#brokers.values());
    this.#brokers.clear();
    for (const broker of brokers) if (broker.status === 'fulfilled') broker.value.discard();
    this.#transport.destroySockets();
  }

  /** Opening a connection includes a request, and the first fetch opens one. */
  #deadlineMs(api: string): number {
    const { requestTimeoutMs, config } = this.#options;
    const connectionMs = api === 'connect' || api === 'fetch' ? config.connectionTimeoutMs : 0;
    return requestTimeoutMs + connectionMs + SILENCE_GRACE_MS;
  }

  #broker(address: BrokerAddress): Promise<BrokerConnection> {
    if (this.#closed) return Promise.reject(new Error('closed'));
    const key = keyOf(address);
    const known = this.#brokers.get(key);
    if (known) return known;
    const opened = this.#transport.open(address);
    const opening = within(this.#deadlineMs('connect'), opened);
    this.#brokers.set(key, opening);
    const isWanted = () => this.#brokers.get(key) === opening;
    opening.catch(() => isWanted() && this.#brokers.delete(key));
    // It may come after it was given up.
    opened.then(
      (broker) => (isWanted() ? this.#current.set(key, broker) : broker.discard()),
      () => {},
    );
    return opening;
  }

  #drop(address: BrokerAddress, broker: BrokerConnection): void {
    const key = keyOf(address);
    if (this.#current.get(key) === broker) {
      this.#current.delete(key);
      this.#brokers.delete(key);
    }
    broker.discard();
  }
}

/** Nothing came within the time that it may take. */
export class SilentError extends Error {}

/** Rejects with a `SilentError` where `promise` has not settled by then. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SilentError(`silent for ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** These requests are answered by partition; a refusal in place of the answer is about the login, which a client may renew with any request. */
function notRefused(thrown: unknown): never {
  throw thrown instanceof BrokerRefusal
    ? new Error(`the login was refused: ${thrown.message}`, { cause: thrown })
    : thrown;
}

const keyOf = ({ host, port }: BrokerAddress) => `${host}:${port}`;
const textOf = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown));
const where = ({ host, port, nodeId }: BrokerAddress) => ({ broker: `${host}:${port}`, nodeId });
