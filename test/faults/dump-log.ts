/** The outbound log as the checker reads it: every record of every partition from its first on, through the tools' listener. */
import { openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { Registry } from '../../adapters/registry/registry.ts';
import { decodeOutbound } from '../../consumers/decode-outbound.ts';
import type { Partition } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { createCodec } from '../../schemas/codec.ts';
import { Findings } from '../checker/anomaly.ts';
import { type LogLine, logLineOf } from '../checker/log-line.ts';
import { foldOwn } from '../checker/own-fold.ts';
import type { Cluster } from './cluster.ts';
import type { Roomlog } from './roomlog.ts';

export async function dumpLog(cluster: Cluster, roomlog: Roomlog): Promise<LogLine[]> {
  const config = { ...roomlog.config, kafka: { ...roomlog.config.kafka, brokers: cluster.ports.brokers('tools') } };
  const log = await openKafkaLog(config, { logger: silentLog, clientId: 'faults-dump' });
  const codec = createCodec({
    inboundId: -1,
    outboundId: -1,
    deadLetterId: -1,
    snapshotId: -1,
    store: new Registry(config.registry),
  });
  const topic = roomlog.topics.outbound;
  const lines: LogLine[] = [];
  try {
    const partitions = Array.from({ length: roomlog.partitions }, (_, number) => number as Partition);
    const ranges = await log.ranges(topic, partitions);
    for (const partition of partitions) {
      const range = ranges.get(partition);
      if (range === undefined) throw new Error(`${topic} has no partition ${partition}`);
      for await (const records of log.readRange({ topic, partition, from: range.start, to: range.end })) {
        for (const { offset, value } of records) {
          lines.push(logLineOf(partition, offset, await decodeOutbound(codec, value, () => true, silentLog)));
        }
      }
    }
  } finally {
    await log.close();
  }
  return lines;
}

/** Several reads of one log, each record once. */
export function merged(...logs: ReadonlyArray<readonly LogLine[]>): LogLine[] {
  return [...new Map(logs.flat().map((line) => [`${line.partition}/${line.offset}`, line])).values()];
}

/** By room: the seq of its newest event, as the checker's own fold has it. */
export function headsOf(log: readonly LogLine[]): Record<string, number> {
  const heads: Record<string, number> = {};
  for (const { room, seq } of foldOwn(log, new Findings()).events) heads[room] = Math.max(heads[room] ?? 0, seq);
  return heads;
}
