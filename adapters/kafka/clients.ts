/** The Kafka clients that the log can run on. Only the chosen one is loaded. */
import type { Config } from '../../core/config/schema.ts';
import type { CreateTransport } from './transport.ts';

export async function loadClient(client: Config['kafka']['client']): Promise<CreateTransport> {
  switch (client) {
    case 'kafkajs':
      return (await import('./kafkajs-transport.ts')).createKafkajsTransport;
    case 'platformatic':
      return (await import('./platformatic-transport.ts')).createPlatformaticTransport;
  }
}
