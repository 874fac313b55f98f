/**
 * Load process for Roomlog: `rooms` rooms with `membersPerRoom` members on as many connections, one publisher a room, all in one process
 * so that one clock stamps and reads; with clients that do no more than that. Latency is from the intended send time to each member's receipt. A publisher keeps to the
 * protocol's window of unanswered publishes; what has to wait for it counts from when it should have been sent all the same.
 */
import { LeanClient } from '../fan-out/lean-client.ts';
import { round, summarise } from '../support/latency.ts';
import { machineNow } from '../support/machine-clock.ts';
import { pace } from '../support/pace.ts';
import { intendedTimeIn, type LoadResult, payload, type RoomsJob, readJob } from './messages.ts';
import { Stations } from './stations.ts';

const CONNECT_AT_ONCE = 50;
const SETTLE_MS = 15_000;
/** The protocol's limit of unanswered publishes per session and room. */
const WINDOW = 32;
const EVENT = Buffer.from('{"type":"event"');
const ACK = Buffer.from('{"type":"ack"');

const job = readJob<RoomsJob>();
const total = job.warmUpEvents + job.events;
const delivered: number[] = [];
const acked: number[] = [];
/** One publisher a room: what waits for its window, when each unanswered publish should have been sent, the next number. */
const publishers = Array.from({ length: job.rooms }, () => ({
  waiting: [] as number[],
  unanswered: new Map<number, number>(),
  pub: 0,
}));
const errors = new Map<string, number>();
const stations = job.traceFile === undefined ? null : new Stations(job.traceFile, machineNow() - performance.now());
let received = 0;
let firstMeasured = Number.POSITIVE_INFINITY;

const roomName = (index: number) => `bench/${process.pid}/${index}`;

async function open(index: number): Promise<LeanClient> {
  const room = roomName(index % job.rooms);
  const { promise: live, resolve, reject } = Promise.withResolvers<void>();
  const client = await LeanClient.open({
    url: job.urls[index % job.urls.length] ?? '',
    protocol: 'roomlog.v1.json',
    compression: false,
    onText(bytes) {
      const now = performance.now();
      if (bytes.compare(EVENT, 0, EVENT.length, 0, EVENT.length) === 0) {
        const intended = intendedTimeIn(bytes);
        received++;
        if (intended >= firstMeasured) {
          delivered.push(now - intended);
          stations?.delivered(intended, now);
        }
        return;
      }
      if (bytes.compare(ACK, 0, ACK.length, 0, ACK.length) === 0) {
        const { id } = JSON.parse(bytes.toString()) as { id: number };
        const { unanswered } = publishers[index] ?? { unanswered: new Map<number, number>() };
        const intended = unanswered.get(id) ?? Number.NaN;
        unanswered.delete(id);
        if (intended >= firstMeasured) acked.push(now - intended);
        send(index);
        return;
      }
      const frame = JSON.parse(bytes.toString()) as { type: string; code?: string; message?: string };
      if (frame.type === 'live') resolve();
      if (frame.type !== 'error') return;
      errors.set(frame.code ?? '', (errors.get(frame.code ?? '') ?? 0) + 1);
      reject(new Error(`${frame.code}: ${frame.message}`));
    },
    onClose: () => reject(new Error('closed before live')),
  });
  client.send(JSON.stringify({ type: 'hello', token: job.token }));
  client.send(JSON.stringify({ type: 'join', id: 1, room }));
  await live;
  return client;
}

function send(room: number): void {
  const publisher = publishers[room];
  if (publisher === undefined) return;
  while (publisher.unanswered.size < WINDOW) {
    const intended = publisher.waiting.shift();
    if (intended === undefined) return;
    publisher.pub += 1;
    const id = publisher.pub + 1;
    publisher.unanswered.set(id, intended);
    if (intended >= firstMeasured) stations?.sent(intended, performance.now());
    sockets[room]?.send(
      `{"type":"publish","id":${id},"room":"${roomName(room)}","pub":${publisher.pub},"event":"bench","data":${payload(intended, job.payloadBytes)}}`,
    );
  }
}

const sockets: LeanClient[] = [];
for (let index = 0; index < job.rooms * job.membersPerRoom; index += CONNECT_AT_ONCE) {
  const many = Math.min(CONNECT_AT_ONCE, job.rooms * job.membersPerRoom - index);
  sockets.push(...(await Promise.all(Array.from({ length: many }, (_, i) => open(index + i)))));
}

let cpuBefore = process.cpuUsage();
let measuredFrom = performance.now();
await pace(job.perSecond, total, (index, intended) => {
  if (index === job.warmUpEvents) {
    firstMeasured = intended;
    cpuBefore = process.cpuUsage();
    measuredFrom = performance.now();
  }
  publishers[index % job.rooms]?.waiting.push(intended);
  send(index % job.rooms);
});
const cpu = process.cpuUsage(cpuBefore);
const loadCpu = (cpu.user + cpu.system) / 1000 / (performance.now() - measuredFrom);

const expected = total * job.membersPerRoom;
const deadline = performance.now() + SETTLE_MS;
const pending = () => publishers.some(({ unanswered, waiting }) => unanswered.size + waiting.length > 0);
while ((received < expected || pending()) && performance.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const result: LoadResult = {
  delivered: summarise(delivered),
  acked: summarise(acked),
  ...(job.keepSamples === true ? { samples: { delivered: delivered.map(round), acked: acked.map(round) } } : {}),
  lost: expected - received,
  errors: Object.fromEntries(errors),
  loadCpu,
};
for (const socket of sockets) socket.end();
stations?.write();
process.stdout.write(`${JSON.stringify(result)}\n`);
