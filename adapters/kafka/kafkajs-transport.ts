/**
 * What Roomlog uses of kafkajs 2.2.4: sockets, TLS, SASL, the request queue and the group requests of a `Broker`. Not its metadata, retries,
 * fetcher, producer or consumer. A consumer's assigner factory is handed the `cluster`, whose parts build brokers; nothing is
 * connected by that. The version is pinned, since these parts are not all in its public types; everything of it that is relied
 * on stands in this file.
 */
import { isIP, connect as netConnect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from 'kafkajs';
import type { Config } from '../../core/config/schema.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import './kafkajs-timers.ts';
import type { WireRequest } from './wire/request.ts';

/** One of the two sockets of a pool: 0 for everything, 1 for fetches. */
export interface RawConnection {
  isConnected(): boolean;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  rejectRequests(error: Error): void;
}

interface RawConnectionPool {
  readonly pool: readonly RawConnection[];
  send<Answer>(request: WireRequest<Answer> & { requestTimeout?: number; logResponseError?: boolean }): Promise<Answer>;
}

export interface GroupRequest {
  readonly groupId: string;
  readonly memberId: string;
}

/** kafkajs's `Broker`, as far as it is used. */
export interface RawBroker {
  readonly connectionPool: RawConnectionPool;
  /** Opens socket 0, asks for the API versions, authenticates. */
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  createTopics(request: {
    topics: ReadonlyArray<{
      topic: string;
      numPartitions: number;
      replicationFactor: number;
      configEntries: ReadonlyArray<{ name: string; value: string }>;
    }>;
    timeout: number;
  }): Promise<unknown>;
  findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<{
    coordinator: { nodeId: number; host: string; port: number };
  }>;
  joinGroup(request: {
    groupId: string;
    memberId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    groupProtocols: ReadonlyArray<{ name: string; metadata: Buffer }>;
  }): Promise<{
    generationId: number;
    leaderId: string;
    memberId: string;
    members: ReadonlyArray<{ memberId: string; memberMetadata: Buffer }>;
  }>;
  syncGroup(
    request: GroupRequest & {
      generationId: number;
      groupAssignment: ReadonlyArray<{ memberId: string; memberAssignment: Buffer }>;
    },
  ): Promise<{ memberAssignment: Buffer }>;
  heartbeat(request: GroupRequest & { groupGenerationId: number }): Promise<unknown>;
  leaveGroup(request: GroupRequest): Promise<unknown>;
  offsetCommit(
    request: GroupRequest & {
      groupGenerationId: number;
      topics: ReadonlyArray<{
        topic: string;
        partitions: ReadonlyArray<{ partition: number; offset: string; metadata: null }>;
      }>;
    },
  ): Promise<unknown>;
}

interface RawCluster {
  readonly connectionPoolBuilder: { build(address: { host: string; port: number }): Promise<RawConnectionPool> };
  readonly brokerPool: {
    createBroker(options: { connectionPool: RawConnectionPool; logger: unknown; nodeId: number }): RawBroker;
  };
  readonly rootLogger: unknown;
}

export interface Transport {
  /** A broker object that is not connected yet. `nodeId` may be -1 where it is not known. */
  createBroker(address: { host: string; port: number; nodeId: number }): Promise<RawBroker>;
  /** Ends every socket at once. */
  destroySockets(): void;
}

const KEEP_ALIVE_MS = 30_000;

export function createTransport(
  config: Config['kafka'],
  options: { clientId: string; logger: LogSink; requestTimeoutMs: number },
): Transport {
  const sockets = new Set<Socket>();
  const kafka = new Kafka({
    brokers: [...config.brokers],
    clientId: options.clientId,
    connectionTimeout: config.connectionTimeoutMs,
    authenticationTimeout: config.connectionTimeoutMs,
    requestTimeout: options.requestTimeoutMs,
    ssl: config.tls,
    ...saslOf(config),
    retry: { retries: 0 },
    logLevel: logLevel.WARN,
    // What matters is said by the callers, in their words; kafkajs repeats each connection error several times.
    logCreator: () => (entry) => options.logger.debug({ kafkajs: entry.namespace }, entry.log.message),
    socketFactory: ({ host, port, ssl, onConnect }) => {
      const socket = ssl
        ? tlsConnect({ host, port, ...(isIP(host) ? {} : { servername: host }), ...ssl }, onConnect)
        : netConnect({ host, port }, onConnect);
      socket.setNoDelay(true);
      socket.setKeepAlive(true, KEEP_ALIVE_MS);
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return socket;
    },
  });
  const cluster = clusterOf(kafka);
  return {
    async createBroker(address) {
      const connectionPool = await cluster.connectionPoolBuilder.build(address);
      return cluster.brokerPool.createBroker({ connectionPool, logger: cluster.rootLogger, nodeId: address.nodeId });
    },
    destroySockets() {
      // With an error, so that kafkajs clears its connect timer.
      for (const socket of sockets) socket.destroy(new Error('closed'));
    },
  };
}

export function saslOf(config: Config['kafka']): Pick<KafkaConfig, 'sasl'> {
  if (config.saslMechanism === 'none') return {};
  const sasl = {
    mechanism: config.saslMechanism,
    username: config.saslUsername,
    password: config.saslPassword ?? '',
  } as SASLOptions;
  return { sasl };
}

function clusterOf(kafka: Kafka): RawCluster {
  let found: unknown;
  kafka.consumer({
    groupId: 'unused',
    partitionAssigners: [
      ({ cluster }) => {
        found = cluster;
        return {
          name: 'unused',
          version: 0,
          assign: async () => [],
          protocol: () => ({ name: '', metadata: Buffer.alloc(0) }),
        };
      },
    ],
  });
  return found as RawCluster;
}
