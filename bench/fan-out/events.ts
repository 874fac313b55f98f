/** Puts events into inbound at a fixed rate, as any Kafka producer may: the sequencer then gives them to all contenders alike. */
import { openCodec } from '../../adapters/registry/open-codec.ts';
import { configSchema } from '../../core/config/schema.ts';
import { type Partition, type RoomId, userId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { payload } from '../load/messages.ts';
import { machineNow } from '../support/machine-clock.ts';
import { openLog } from '../support/open-log.ts';
import { pace } from '../support/pace.ts';
import { type EventsJob, type EventsSaid, roomName } from './messages.ts';

const job = JSON.parse(process.argv[2] ?? '{}') as EventsJob;
const log = await openLog(job.brokers);
const codec = await openCodec(configSchema.parse({ registry: { url: job.registry } }), silentLog);
const rooms = Array.from({ length: job.rooms }, (_, number) => {
  const room = roomName(number) as RoomId;
  return { room, key: Buffer.from(room), partition: partitionOf(room, job.partitions) };
});
const waiting = new Map<Partition, { key: Buffer; value: Buffer }[]>();
let inFlight = false;

const say = (message: EventsSaid): void => void process.send?.(message);

async function flush(): Promise<void> {
  if (inFlight || waiting.size === 0) return;
  inFlight = true;
  const batches = [...waiting].map(([partition, records]) => ({ partition, records }));
  waiting.clear();
  for (const outcome of await log.append(job.topic, batches)) {
    if (outcome.status !== 'appended') throw outcome.error;
  }
  inFlight = false;
  void flush();
}

function send(index: number, intendedMs: number): void {
  const { room, key, partition } = rooms[index % rooms.length] as (typeof rooms)[number];
  const value = codec.encodeInbound({
    room,
    user: userId('bench'),
    session: null,
    pub: null,
    key: null,
    origin: null,
    event: 'tick',
    contentType: null,
    data: Buffer.from(payload(intendedMs, job.payloadBytes)),
    expiresAt: null,
    traceparent: null,
  });
  const records = waiting.get(partition);
  if (records === undefined) waiting.set(partition, [{ key, value }]);
  else records.push({ key, value });
  queueMicrotask(() => void flush());
}

process.on('disconnect', () => process.exit(0));
process.once('message', async () => {
  const offsetMs = machineNow() - performance.now();
  await pace(job.perSecond, job.warmUpEvents + job.events, (index, intended) => {
    const intendedMs = intended + offsetMs;
    if (index === job.warmUpEvents) say({ said: 'measuring', atMs: intendedMs });
    send(index, intendedMs);
  });
  while (inFlight || waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  say({ said: 'sent' });
});
say({ said: 'ready' });
