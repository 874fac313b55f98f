/**
 * One purpose's sockets to all brokers. A broker answers one request per socket at a time, so a fetch that waits for data would
 * hold an append back: every tail, the appends, the reads and the group have a `Connections` of their own.
 *
 * A socket that failed in any way is never used again: its broker object is dropped and built anew (kafkajs keeps half-read answers across reconnects).
 */
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { createTransport, type RawBroker, type Transport } from './kafkajs-transport.ts';
import type { Reachability } from './reachability.ts';
import type { BrokerAddress } from './wire/metadata.ts';
import { API_KEYS, type WireRequest } from './wire/request.ts';

export interface ConnectionsOptions {
  readonly config: Config['kafka'];
  readonly clientId: string;
  readonly logger: LogSink;
  readonly reachability: Reachability;
  /** An answer later than this is a failure. */
  readonly requestTimeoutMs: number;
}

/** Thrown where a request surely never left: nothing of it can have been done. */
export class NotSentError extends RoomlogError {}

const FETCH_SOCKET = 1;

export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #transport: Transport;
  /** By `host:port`. */
  readonly #brokers = new Map<string, Promise<RawBroker>>();
  /** What those promises became. */
  readonly #current = new Map<string, RawBroker>();
  #closed = false;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#transport = createTransport(options.config, options);
  }

  /**
   * Sends one request, never twice. Throws `NotSentError` where it surely did not leave, else `kafka_unreachable` where no answer
   * came or it could not be read.
   */
  async send<Answer>(address: BrokerAddress, request: WireRequest<Answer>): Promise<Answer> {
    return (await this.sendLate(address, () => request)) as Answer;
  }

  /** The same with a request that is made once the connection stands; null, then nothing is sent and the answer is null. */
  async sendLate<Answer>(address: BrokerAddress, make: () => WireRequest<Answer> | null): Promise<Answer | null> {
    return this.use(address, async (broker) => {
      const request = make();
      if (request === null) return null;
      if (request.request.apiKey === API_KEYS.fetch) await this.#openFetchSocket(broker);
      return broker.connectionPool.send({ ...request, logResponseError: false });
    });
  }

  /** As `send`, for kafkajs's own requests. A broker's refusal (a KafkaJSProtocolError) is thrown as it is. */
  async use<Answer>(address: BrokerAddress, ask: (broker: RawBroker) => Promise<Answer>): Promise<Answer> {
    const { reachability } = this.#options;
    reachability.asked();
    let broker: RawBroker;
    try {
      broker = await this.#broker(address);
      if (!isUsable(broker)) {
        // Brokers close what is idle for minutes.
        this.#drop(address, broker);
        broker = await this.#broker(address);
      }
    } catch (cause) {
      reachability.failed();
      throw new NotSentError('kafka_unreachable', `${keyOf(address)} can't be used (${textOf(cause)}).`, {
        cause,
        details: where(address),
      });
    }
    try {
      const answer = await ask(broker);
      reachability.answered();
      return answer;
    } catch (cause) {
      if (isRefusal(cause)) {
        reachability.answered();
        throw cause;
      }
      reachability.failed();
      this.#drop(address, broker);
      const ErrorClass = neverLeft(cause) ? NotSentError : RoomlogError;
      throw new ErrorClass('kafka_unreachable', `No answer from ${keyOf(address)} (${textOf(cause)}).`, {
        cause,
        details: where(address),
      });
    }
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
    for (const broker of brokers) if (broker.status === 'fulfilled') discard(broker.value);
    this.#transport.destroySockets();
  }

  #broker(address: BrokerAddress): Promise<RawBroker> {
    if (this.#closed) return Promise.reject(new Error('closed'));
    const key = keyOf(address);
    const known = this.#brokers.get(key);
    if (known) return known;
    const opening = this.#open(address);
    this.#brokers.set(key, opening);
    opening.then(
      (broker) => this.#current.set(key, broker),
      () => this.#brokers.delete(key),
    );
    return opening;
  }

  async #open(address: BrokerAddress): Promise<RawBroker> {
    const broker = await this.#transport.createBroker(address);
    try {
      await broker.connect();
    } catch (error) {
      discard(broker);
      throw error;
    }
    return broker;
  }

  /** kafkajs would open the second socket twice if two fetches came at once. */
  async #openFetchSocket(broker: RawBroker): Promise<void> {
    const socket = broker.connectionPool.pool[FETCH_SOCKET];
    if (!socket || socket.isConnected()) return;
    const opening = fetchSockets.get(broker) ?? socket.connect();
    fetchSockets.set(broker, opening);
    try {
      await opening;
      openedFetchSockets.add(broker);
    } catch (cause) {
      throw new NotSentError('kafka_unreachable', undefined, { cause });
    }
  }

  #drop(address: BrokerAddress, broker: RawBroker): void {
    const key = keyOf(address);
    if (this.#current.get(key) === broker) {
      this.#current.delete(key);
      this.#brokers.delete(key);
    }
    discard(broker);
  }
}

const fetchSockets = new WeakMap<RawBroker, Promise<unknown>>();
const openedFetchSockets = new WeakSet<RawBroker>();

/** Fails what still waits, and ends the sockets without waiting for them. */
function discard(broker: RawBroker): void {
  for (const connection of broker.connectionPool.pool) {
    connection.rejectRequests(new Error('the connection was given up'));
  }
  broker.disconnect().catch(() => {});
}

/** Open, as far as it ever was: the fetch socket is opened by the first fetch. */
function isUsable(broker: RawBroker): boolean {
  const [socket, fetchSocket] = broker.connectionPool.pool;
  return (socket?.isConnected() ?? false) && (!openedFetchSockets.has(broker) || (fetchSocket?.isConnected() ?? false));
}

const keyOf = ({ host, port }: BrokerAddress) => `${host}:${port}`;
const textOf = (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown));
const where = ({ host, port, nodeId }: BrokerAddress) => ({ broker: `${host}:${port}`, nodeId });

/** The broker answered, with a code that says no. */
function isRefusal(thrown: unknown): boolean {
  const { name, type, errors } = thrown as { name?: string; type?: string; errors?: unknown };
  // An aggregate holds a refusal for each topic.
  if (Array.isArray(errors)) return true;
  return typeof type === 'string' && name !== 'KafkaJSConnectionError' && name !== 'KafkaJSRequestTimeoutError';
}

/** kafkajs throws this before it hands anything to a socket. */
function neverLeft(thrown: unknown): boolean {
  return thrown instanceof NotSentError || (thrown instanceof Error && thrown.message === 'Not connected');
}
