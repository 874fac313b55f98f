/**
 * Writes outbound at fixed rates, in the sequencer's place: so that what is measured is the way from Kafka to the members, and the
 * machine's cores are left to it.
 */
import { openCodec } from '../../adapters/registry/open-codec.ts';
import { configSchema } from '../../core/config/schema.ts';
import type { Partition, RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { AppendRecord } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { payload } from '../load/messages.ts';
import { machineNow } from '../support/machine-clock.ts';
import { openLog } from '../support/open-log.ts';
import { pace } from '../support/pace.ts';
import { type EventsAsked, type EventsJob, type EventsSaid, roomName, WARM_UP_EVENTS } from './messages.ts';
import { claims, OutboundWriter } from './outbound-writer.ts';
import { takeBatch } from './take-batch.ts';

/** Events share appends, as a sequencer's do that come while its last batch is on the way: one each would be most of what Kafka does. */
const HOLD_MS = 3;
const WARM_UP_PER_SECOND = 1_500;

const job = JSON.parse(process.argv[2] ?? '{}') as EventsJob;
const log = await openLog(job.brokers);
const codec = await openCodec(configSchema.parse({ registry: { url: job.registry } }), silentLog);
const writers = Array.from({ length: job.partitions }, () => new OutboundWriter(codec));
const rooms = Array.from({ length: job.rooms }, (_, number) => {
  const room = roomName(number) as RoomId;
  return { room, key: Buffer.from(room), partition: partitionOf(room, job.partitions) };
});
const waiting = new Map<Partition, AppendRecord[]>();
let inFlight = false;
let isHeld = false;

const say = (message: EventsSaid): void => void process.send?.(message);

async function flush(): Promise<void> {
  if (inFlight || waiting.size === 0) return;
  inFlight = true;
  const batches = [...waiting].map(([partition, records]) => ({ partition, records: takeBatch(records) }));
  for (const [partition, records] of waiting) if (records.length === 0) waiting.delete(partition);
  for (const outcome of await log.append(job.topic, batches)) {
    if (outcome.status !== 'appended') throw outcome.error;
  }
  inFlight = false;
  void flush();
}

function append(partition: Partition, record: AppendRecord): void {
  const records = waiting.get(partition);
  if (records === undefined) waiting.set(partition, [record]);
  else records.push(record);
  if (isHeld) return;
  isHeld = true;
  setTimeout(() => {
    isHeld = false;
    void flush();
  }, HOLD_MS);
}

async function drained(): Promise<void> {
  while (isHeld || inFlight || waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function play({ rooms: count, perSecond, warmUpEvents, events }: EventsAsked): Promise<void> {
  const offsetMs = machineNow() - performance.now();
  await pace(perSecond, warmUpEvents + events, (index, intended) => {
    const intendedMs = intended + offsetMs;
    if (index === warmUpEvents) say({ said: 'measuring', atMs: intendedMs });
    const { room, key, partition } = rooms[index % count] as (typeof rooms)[number];
    const data = Buffer.from(payload(intendedMs, job.payloadBytes));
    append(partition, (writers[partition] as OutboundWriter).event(room, key, data, Date.now()));
  });
  await drained();
  say({ said: 'sent' });
}

/** Kafka compiles itself while it gets its first thousands of requests: with all cores, before it is kept to one. */
async function warmUp(): Promise<void> {
  const ends = await log.ranges(job.topic);
  const tail = log.tail({
    topic: job.topic,
    onRecords: () => {},
    onError: (_partition, error) => {
      throw error;
    },
  });
  for (const [partition, { end }] of ends) tail.assign(partition, end);
  for (const count of [job.rooms, 1]) {
    await play({ rooms: count, perSecond: WARM_UP_PER_SECOND, warmUpEvents: 0, events: WARM_UP_EVENTS });
  }
  await tail.stop();
}

process.on('disconnect', () => process.exit(0));
process.on('message', (asked: EventsAsked) => void play(asked));
for (const [number, claim] of claims(writers).entries()) append(number as Partition, claim);
await drained();
await warmUp();
say({ said: 'ready' });
