/** Canaries of the stack's sequencers, as every gateway of it sees them; and a partition that fails, on streams of the test's own. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { createMetrics } from '../../adapters/telemetry/metrics.ts';
import { Alarms } from '../../core/alarms.ts';
import type { RoomId } from '../../core/ids.ts';
import { systemClock } from '../../core/ports/clock.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { createRoomStream } from '../../gateway/tail/room-stream.ts';
import { inboundEvent } from '../support/memory-stream.ts';
import { RealStream } from '../support/real-stream.ts';
import { stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';

/** Of the stack's configuration: the default. */
const INTERVAL_MS = 10_000;

async function canaryAges(admin: string): Promise<number[]> {
  const metrics = await (await fetch(`${admin}/metrics`)).text();
  return [...metrics.matchAll(/^roomlog_canary_age_seconds\{partition="\d+"\} (\S+)$/gm)].map(([, age]) => Number(age));
}

test('every gateway sees canaries come through every partition, and raises no alarm', async () => {
  const { gateways, partitions } = stack();
  for (const { admin } of gateways) {
    await waitFor(
      async () => {
        const ages = await canaryAges(admin);
        return ages.length === partitions && ages.every((age) => age < (3 * INTERVAL_MS) / 1_000);
      },
      { withinMs: 3 * INTERVAL_MS, what: `canaries at ${admin}` },
    );
    const health = (await (await fetch(`${admin}/health`)).json()) as Record<string, unknown>;
    expect(health).toMatchObject({ alarms: [], stream: { failingPartitions: [] } });
  }
});

test('a frozen sequencer’s partitions are failing, and are served again when it wakes up', async () => {
  const intervalMs = 500;
  const stream = await RealStream.create(stack(), `canary-${randomUUID().slice(0, 8)}`, 2);
  const log = await openKafkaLog(stream.config, { logger: silentLog });
  const alarms = new Alarms({ logger: silentLog, clock: systemClock });
  const gateway = createRoomStream({
    log,
    codec: stream.codec,
    topics: stream.topics,
    partitions: 2,
    originTag: Buffer.alloc(8, 7),
    outcomes: { onEvent: () => {}, onAnswer: () => {} },
    config: stream.config,
    logger: silentLog,
    metrics: createMetrics(),
    clock: systemClock,
    alarms,
    failingAfterMs: 3 * intervalMs,
  });
  try {
    const sequencer = await stream.sequencer('a', { ROOMLOG_SEQUENCER_CANARY_INTERVAL_MS: `${intervalMs}` });
    await sequencer.ready();
    await gateway.start();
    const rooms = ['a', 'b', 'c', 'd', 'e', 'f'] as RoomId[];
    const served = () => rooms.filter((room) => gateway.partitionAvailable(room)).length;
    await stream.publish(inboundEvent({ room: rooms[0] }));
    await waitFor(() => served() === rooms.length);
    sequencer.signal('SIGSTOP');
    await waitFor(() => served() === 0, { what: 'all partitions failing' });
    expect(gateway.ready).toBe(true);
    expect(alarms.raised().map(({ alarm }) => alarm)).toEqual(['canary_missing', 'canary_missing']);
    sequencer.signal('SIGCONT');
    await waitFor(() => served() === rooms.length, { what: 'all partitions served again' });
    expect(alarms.raised()).toEqual([]);
  } finally {
    await gateway.stop();
    await log.close();
    await stream.close();
  }
});
