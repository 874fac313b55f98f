/** Kafka's own Java tools on the same topics: what producing and consuming alone cost with the reference client. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { kafkaTool } from '../support/kafka-tools.ts';
import { runTimed } from '../support/timed-process.ts';

export interface JavaJob {
  readonly brokers: readonly string[];
  /** To read from its start. */
  readonly from: string;
  /** To write to. */
  readonly to: string;
  readonly events: number;
  readonly recordBytes: number;
  /** For a file of settings. */
  readonly dir: string;
}

/** Events per CPU-second by tool, the start of the virtual machine included. */
export async function runJavaTools(job: JavaJob): Promise<Readonly<Record<string, number>>> {
  const { brokers, from, to, events, recordBytes, dir } = job;
  const server = brokers.join(',');
  const consumer = await kafkaTool('org.apache.kafka.tools.ConsumerPerformance');
  const reading = ['--bootstrap-server', server, '--topic', from, '--num-records', String(events)];
  const consumed = await runTimed([...consumer, ...reading, '--timeout', '60000'], { discardOutput: true });
  const settings = join(dir, 'producer.properties');
  writeFileSync(settings, `bootstrap.servers=${server}\nacks=all\nlinger.ms=5\nbatch.size=262144\n`);
  try {
    const producer = await kafkaTool('org.apache.kafka.tools.ProducerPerformance');
    const sizes = ['--num-records', String(events), '--record-size', String(recordBytes), '--throughput', '-1'];
    const writing = ['--topic', to, '--command-config', settings, ...sizes];
    const produced = await runTimed([...producer, ...writing], { discardOutput: true });
    return {
      'kafka-consumer-perf-test': events / consumed.cpuSeconds,
      'kafka-producer-perf-test': events / produced.cpuSeconds,
    };
  } finally {
    rmSync(settings, { force: true });
  }
}
