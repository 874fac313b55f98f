/**
 * What Roomlog uses of kafkajs 2.2.4: sockets, TLS, SASL, the request queue and the group requests of a `Broker`. Not its metadata, retries,
 * fetcher, producer or consumer. A consumer's assigner factory is handed the `cluster`, whose parts build brokers; nothing is
 * connected by that. The version is pinned, since these parts are not all in its public types; everything of it that is relied
 * on stands in this file and in `kafkajs-broker.ts`.
 */
import { isIP, connect as netConnect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from 'kafkajs';
import type { Config } from '../../core/config/schema.ts';
import { KafkajsConnection, type RawBroker, type RawConnectionPool } from './kafkajs-broker.ts';
import './kafkajs-timers.ts';
import { KEEP_ALIVE_MS, type Transport, type TransportOptions } from './transport.ts';

interface RawCluster {
  readonly connectionPoolBuilder: { build(address: { host: string; port: number }): Promise<RawConnectionPool> };
  readonly brokerPool: {
    createBroker(options: { connectionPool: RawConnectionPool; logger: unknown; nodeId: number }): RawBroker;
  };
  readonly rootLogger: unknown;
}

export function createKafkajsTransport(config: Config['kafka'], options: TransportOptions): Transport {
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
    async open(address) {
      const connectionPool = await cluster.connectionPoolBuilder.build(address);
      const { nodeId } = address;
      const broker = cluster.brokerPool.createBroker({ connectionPool, logger: cluster.rootLogger, nodeId });
      const connection = new KafkajsConnection(broker);
      try {
        await broker.connect();
      } catch (error) {
        connection.discard();
        throw error;
      }
      return connection;
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
