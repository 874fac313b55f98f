/** A sequencer process: reads its configuration, builds the parts, joins the group, leaves it on stop. */

import { openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { kafkaMetrics } from '../../adapters/kafka/kafka-metrics.ts';
import { watchTopics } from '../../adapters/kafka/topic-watch.ts';
import { checkTopics } from '../../adapters/kafka/topics.ts';
import { openCodec } from '../../adapters/registry/open-codec.ts';
import { watchHeap } from '../../adapters/runtime/large-heap.ts';
import { openAlarms } from '../../adapters/telemetry/alarms.ts';
import { createLogger, type Logger } from '../../adapters/telemetry/log.ts';
import { createMetrics, type Metrics } from '../../adapters/telemetry/metrics.ts';
import { observeProcess } from '../../adapters/telemetry/process-metrics.ts';
import type { Alarms } from '../../core/alarms.ts';
import type { Config } from '../../core/config/schema.ts';
import { topicsOf } from '../../core/names.ts';
import { systemClock } from '../../core/ports/clock.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import { patiently } from '../patience.ts';
import { serveAdmin } from './admin.ts';
import { Sequencer } from './sequencer.ts';
import { countInto, gaugeFrom } from './telemetry.ts';

export interface RunningSequencer {
  /** Base URL of the admin port, without a path. */
  readonly adminUrl: string;
  /** Finishes what is in flight, leaves the group, closes everything. */
  stop(): Promise<void>;
}

export interface SequencerDependencies {
  readonly logger?: Logger;
  readonly metrics?: Metrics;
}

/**
 * Resolves when the process has joined the group; `/ready` says when it works. Waits for Kafka and the registry while they
 * are away. Throws `partition_mismatch`, `topic_missing`, `schema_incompatible`, `port_taken`, `config_invalid`.
 */
export async function startSequencer(
  config: Config,
  dependencies: SequencerDependencies = {},
): Promise<RunningSequencer> {
  const { name, adminHost, adminPort, groupId } = config.sequencer;
  const logger = dependencies.logger ?? createLogger(config, { name });
  const metrics = dependencies.metrics ?? createMetrics();
  const stopObserving = observeProcess(metrics);
  const heap = watchHeap();
  const alarms = openAlarms(logger, systemClock, metrics);
  let stopWatching = () => {};
  const startedAt = Date.now();
  let log: EventLog | null = null;
  let sequencer: Sequencer | null = null;
  let stage = 'starting';
  let wasReady = false;
  const notReady = (): string | null => {
    const reason = sequencer === null ? stage : sequencer.notReady();
    wasReady ||= reason === null;
    return reason;
  };

  const admin = await serveAdmin({
    host: adminHost,
    port: adminPort,
    metrics,
    notReady,
    health: () => ({
      ...health(name, startedAt, { reason: notReady(), wasReady }, sequencer, alarms),
      kafka: { client: config.kafka.client, reachable: log?.reachable() ?? false },
    }),
  });
  const close = async () => {
    stopWatching();
    await sequencer?.stop();
    await log?.close();
    await admin.close();
    stopObserving();
    heap.stop();
    if (dependencies.metrics === undefined) await metrics.shutdown();
  };

  try {
    stage = 'waiting for the schema registry';
    const codec = await openCodec(config, logger);
    stage = 'waiting for Kafka';
    const opened = await openKafkaLog(config, {
      clientId: `${config.kafka.clientId}-${name}`,
      logger,
      metrics: kafkaMetrics(metrics),
      connect: 'background',
    });
    log = opened;
    const topics = topicsOf(config.stream.prefix);
    const { partitions } = config.stream;
    await patiently(() => checkTopics(opened, topics, partitions), {
      goOn: () => true,
      onRetry: (error, attempt) => logger.warn({ code: error.code, attempt }, 'waiting for Kafka'),
    });
    stopWatching = watchTopics({ log: opened, topics, partitions, alarms });
    stage = 'joining the consumer group';
    sequencer = new Sequencer({
      log: opened,
      codec,
      topics,
      partitions,
      config: config.sequencer,
      logger,
      metrics: countInto(metrics),
      alarms,
      outboundRetentionMs: config.stream.outboundRetentionMs,
      onBusy: (isBusy) => heap.busy(isBusy),
      groupId: groupId === '' ? `${config.stream.prefix}.sequencer` : groupId,
    });
    gaugeFrom(metrics, sequencer);
    await sequencer.start();
    logger.info({ admin: admin.url }, 'sequencer runs');
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return { adminUrl: admin.url, stop: close };
}

interface Readiness {
  /** Null: ready. */
  readonly reason: string | null;
  readonly wasReady: boolean;
}

function statusOf({ reason, wasReady }: Readiness): 'ok' | 'starting' | 'not ready' {
  if (reason === null) return 'ok';
  return wasReady ? 'not ready' : 'starting';
}

function health(
  name: string,
  startedAt: number,
  { reason, wasReady }: Readiness,
  sequencer: Sequencer | null,
  alarms: Alarms,
): object {
  const report = sequencer?.report();
  const isHalted = report?.partitions.some(({ state }) => state === 'halted') ?? false;
  const { rss, heapUsed } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    status: isHalted || alarms.raised().length > 0 ? 'degraded' : statusOf({ reason, wasReady }),
    ...(reason === null ? {} : { reason }),
    sequencer: name,
    uptimeMs: Date.now() - startedAt,
    ...report,
    alarms: alarms.raised(),
    memory: { rssBytes: rss, heapUsedBytes: heapUsed },
    cpu: { userMs: user / 1_000, systemMs: system / 1_000 },
  };
}
