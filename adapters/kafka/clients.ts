/** The Kafka client that the log runs on. */
import type { CreateTransport } from './transport.ts';

export async function loadClient(): Promise<CreateTransport> {
  return (await import('./kafkajs-transport.ts')).createKafkajsTransport;
}
