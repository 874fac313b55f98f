/**
 * What Roomlog uses of @platformatic/kafka: sockets, TLS, SASL with its renewal, the pairing of requests and answers, and the requests of
 * groups and topics. Not its metadata, connection pools, retries, consumer, producer or admin. Its `Connection` is public; everything of
 * it that is relied on stands in this file and in `platformatic-connection.ts`.
 */
import { isIP } from 'node:net';
import { Connection, type ConnectionOptions, type SASLMechanismValue } from '@platformatic/kafka';
import type { Config } from '../../core/config/schema.ts';
import { endSocket, PlatformaticConnection } from './platformatic-connection.ts';
import { KEEP_ALIVE_MS, type Transport, type TransportOptions } from './transport.ts';

export function createPlatformaticTransport(config: Config['kafka'], options: TransportOptions): Transport {
  const connections = new Set<Connection>();
  return {
    async open({ host, port }) {
      const connection = new Connection(options.clientId, {
        connectTimeout: config.connectionTimeoutMs,
        requestTimeout: options.requestTimeoutMs,
        // Nothing waits in it: what was handed over has left, and what was not is known not to have.
        maxInflights: Number.POSITIVE_INFINITY,
        ...(config.tls && { tls: {}, tlsServerName: isIP(host) === 0 }),
        ...saslOf(config),
      });
      connections.add(connection);
      // Those who wait are told by their own promises; without a listener it would end the process.
      connection.on('error', () => {});
      connection.on('close', () => {
        connections.delete(connection);
        // It still has a timer for its next login.
        connection.close(() => {});
      });
      try {
        await connection.connect(host, port);
      } catch (error) {
        connections.delete(connection);
        endSocket(connection);
        throw error;
      }
      connection.socket.setKeepAlive(true, KEEP_ALIVE_MS);
      return new PlatformaticConnection(connection);
    },
    destroySockets() {
      for (const connection of connections) endSocket(connection);
    },
  };
}

function saslOf(config: Config['kafka']): Pick<ConnectionOptions, 'sasl'> {
  if (config.saslMechanism === 'none') return {};
  const mechanism = config.saslMechanism.toUpperCase() as SASLMechanismValue;
  return { sasl: { mechanism, username: config.saslUsername, password: config.saslPassword ?? '' } };
}
