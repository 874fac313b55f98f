/**
 * Members of one room, and in one of the processes a writer of outbound that keeps a few events under way: the next is written when the oldest has reached
 * every member of its process, who are spread over all workers. So the gateway is asked for as much as it can give, and never for more.
 */
import { openCodec } from '../../adapters/registry/open-codec.ts';
import { configSchema } from '../../core/config/schema.ts';
import type { Partition, RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { LeanClient } from '../fan-out/lean-client.ts';
import { claims, OutboundWriter } from '../fan-out/outbound-writer.ts';
import { openLog } from '../support/open-log.ts';
import type { LoadAsked, LoadJob, LoadSaid } from './messages.ts';

const CONNECT_AT_ONCE = 50;
/** How often it is seen whether the next event may go. */
const LOOK_EVERY_MS = 1;
const WELCOME = '{"type":"welcome"';
const LIVE = '{"type":"live"';

const job = JSON.parse(process.argv[2] ?? '{}') as LoadJob;
const room = 'bench/workers' as RoomId;
const data = Buffer.from(JSON.stringify({ text: 'x'.repeat(job.payloadBytes) }));
let byWorker: Record<string, number> = {};
let members: LeanClient[] = [];
let answers = 0;
let closed = 0;
const say = (said: LoadSaid): void => void process.send?.(said);

async function join(url: string): Promise<LeanClient> {
  const live = Promise.withResolvers<void>();
  const client = await LeanClient.open({
    url,
    protocol: null,
    compression: false,
    onText: (payload) => {
      const text = payload.toString('latin1', 0, 20);
      if (text.startsWith(WELCOME)) {
        const { gateway } = JSON.parse(payload.toString()) as { gateway: string };
        byWorker[gateway] = (byWorker[gateway] ?? 0) + 1;
      } else if (text.startsWith(LIVE)) live.resolve();
    },
    onClose: () => {
      closed += 1;
    },
  });
  client.send(JSON.stringify({ type: 'hello', token: job.token, rooms: [{ id: 1, room }] }));
  await live.promise;
  // From here on only counted.
  client.reading = false;
  return client;
}

const log = await openLog(job.brokers);
const codec = await openCodec(configSchema.parse({ registry: { url: job.registry } }), silentLog);
const writers = Array.from({ length: job.partitions }, () => new OutboundWriter(codec));
const number = partitionOf(room, job.partitions);
const writer = writers[number] as OutboundWriter;
const append = async (batches: Parameters<typeof log.append>[1]): Promise<void> => {
  for (const outcome of await log.append(job.topic, batches)) if (outcome.status !== 'appended') throw outcome.error;
};

const received = (): number => members.reduce((sum, member) => sum + member.messages, 0);

async function begin(url: string): Promise<void> {
  byWorker = {};
  while (members.length < job.members) {
    const many = Math.min(CONNECT_AT_ONCE, job.members - members.length);
    members.push(...(await Promise.all(Array.from({ length: many }, () => join(url)))));
  }
  // What the joins were answered by does not count.
  answers = received();
  closed = 0;
  say({ said: 'flowing', byWorker });
  for (let written = 0; job.writes && members.length > 0; ) {
    const left = job.inFlight - (written - Math.floor((received() - answers) / job.members));
    if (left > 0) {
      const records = Array.from({ length: left }, () => writer.event(room, Buffer.from(room), data, Date.now()));
      written += left;
      await append([{ partition: number, records }]);
    } else await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

process.on('disconnect', () => process.exit(0));
process.on('message', (asked: LoadAsked) => {
  if (asked.ask === 'begin') void begin(asked.url);
  else if (asked.ask === 'end') {
    for (const member of members) member.end();
    members = [];
    say({ said: 'ended' });
  } else {
    const { user, system } = process.cpuUsage();
    say({ said: 'count', deliveries: received() - answers, cpuMs: (user + system) / 1e3, closed });
  }
});
if (job.writes)
  await append([...claims(writers)].map((claim, at) => ({ partition: at as Partition, records: [claim] })));
say({ said: 'ready' });
