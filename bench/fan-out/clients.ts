/**
 * Members of rooms, many in one process. All count what they get; some read it: latency from the moment at which an event should have
 * been sent, and whether seqs follow each other.
 */
import { machineNow } from '../support/machine-clock.ts';
import { LeanClient } from './lean-client.ts';
import { type ClientsAsked, type ClientsJob, type ClientsSaid, roomName } from './messages.ts';
import { NatsStream } from './nats-stream.ts';

const CONNECT_AT_ONCE = 50;
const TIME_MARK = Buffer.from('{"t":');
const SEQ_MARK = Buffer.from('"seq":');
const COMMA = 0x2c;

const job = JSON.parse(process.argv[2] ?? '{}') as ClientsJob;
const members: LeanClient[] = [];
let samplesMs: number[] = [];
let fromMs = Number.POSITIVE_INFINITY;
let outOfOrder = 0;
let closed = 0;

const numberBehind = (payload: Buffer, mark: Buffer): number => {
  const start = payload.indexOf(mark) + mark.length;
  return Number(payload.toString('latin1', start, payload.indexOf(COMMA, start)));
};

/** Reads what a joined member gets. */
function reader(): (payload: Buffer) => void {
  let last = 0;
  return (payload) => {
    const seq = numberBehind(payload, SEQ_MARK);
    if (last !== 0 && seq !== last + 1) outOfOrder += 1;
    last = seq;
    const intended = numberBehind(payload, TIME_MARK);
    if (intended >= fromMs) samplesMs.push(machineNow() - intended);
  };
}

async function join(number: number): Promise<void> {
  const room = roomName(number % job.rooms);
  const sampled = number % job.sampleEvery === 0;
  const joined = Promise.withResolvers<void>();
  let onText = (payload: Buffer, client: LeanClient): void => {
    const text = payload.toString();
    if (job.dialect === 'socket.io') {
      // Engine.IO 4, Socket.IO 5: 0 open, 40 connect, 2 ping, 42 event.
      if (text.startsWith('0')) client.send('40');
      else if (text.startsWith('40')) client.send(`42["join",${JSON.stringify(room)}]`);
      else if (text.startsWith('42["joined"')) joined.resolve();
    } else if (job.dialect === 'roomlog') {
      const { type, message } = JSON.parse(text) as { type: string; message?: string };
      if (type === 'live') joined.resolve();
      if (type === 'error') joined.reject(new Error(message));
    }
  };
  const nats = new NatsStream(room, {
    onSubscribed: () => joined.resolve(),
    onMessage: (payload, from) => {
      from.messages += 1;
      if (from.reading) onText(payload, from);
    },
  });
  const query = job.dialect === 'ws' ? `?room=${encodeURIComponent(room)}` : '';
  const client = await LeanClient.open({
    url: `${job.url}${query}`,
    protocol: job.dialect === 'roomlog' ? 'roomlog.v1.json' : null,
    compression: job.compression,
    onText: (payload, from) => onText(payload, from),
    onBinary: (payload, from) => nats.take(payload, from),
    onClose: () => {
      closed += 1;
      joined.reject(new Error('closed before it had joined'));
    },
  });
  if (job.dialect === 'roomlog') {
    client.send(JSON.stringify({ type: 'hello', token: job.token }));
    client.send(JSON.stringify({ type: 'join', id: 1, room }));
  } else if (job.dialect === 'ws') joined.resolve();
  await joined.promise;
  client.messages = 0;
  client.bytes = 0;
  client.reading = sampled;
  onText = reader();
  members.push(client);
}

const say = (message: ClientsSaid): void => void process.send?.(message);
const count = (): number => members.reduce((sum, { messages }) => sum + messages, 0);

process.on('message', (asked: ClientsAsked) => {
  if (asked.ask === 'begin') {
    fromMs = Number.POSITIVE_INFINITY;
    samplesMs = [];
    outOfOrder = 0;
    for (const client of members) {
      client.messages = 0;
      client.bytes = 0;
    }
  } else if (asked.ask === 'measure') fromMs = asked.fromMs;
  else if (asked.ask === 'count') {
    const { user, system } = process.cpuUsage();
    say({ said: 'count', deliveries: count(), cpuMs: (user + system) / 1000 });
  } else {
    const bytes = members.reduce((sum, client) => sum + client.bytes, 0);
    say({ said: 'result', samplesMs, outOfOrder, closed, bytes });
  }
});
process.on('disconnect', () => process.exit(0));

const total = job.rooms * job.membersPerRoom;
for (let from = 0; from < total; from += CONNECT_AT_ONCE) {
  const many = Math.min(CONNECT_AT_ONCE, total - from);
  await Promise.all(Array.from({ length: many }, (_, index) => join(from + index)));
}
say({ said: 'ready' });
