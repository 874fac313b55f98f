/**
 * Load process for Roomlog: `rooms` rooms with `membersPerRoom` members on as many connections, one publisher a room, all in one process
 * so that one clock stamps and reads. Latency is from the intended send time to each member's receipt.
 */
import { WebSocket } from 'ws';
import { summarise } from '../support/latency.ts';
import { pace } from '../support/pace.ts';
import { intendedTimeIn, type LoadResult, payload, type RoomsJob, readJob } from './messages.ts';

const CONNECT_AT_ONCE = 50;
const SETTLE_MS = 15_000;
const EVENT = Buffer.from('{"type":"event"');
const ACK = Buffer.from('{"type":"ack"');

const job = readJob<RoomsJob>();
const total = job.warmUpEvents + job.events;
const delivered: number[] = [];
const acked: number[] = [];
const sentAt = new Map<string, number>();
let received = 0;
let firstMeasured = Number.POSITIVE_INFINITY;

const roomName = (index: number) => `bench/${process.pid}/${index}`;

function open(index: number): Promise<WebSocket> {
  const room = roomName(index % job.rooms);
  const socket = new WebSocket(job.urls[index % job.urls.length] ?? '', 'roomlog.v1.json', {
    perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(error instanceof Error ? error : new Error(String(error)));
    socket.once('error', fail);
    socket.once('close', (code) => fail(`closed with ${code} before live`));
    socket.once('open', () => {
      socket.send(JSON.stringify({ type: 'hello', token: job.token }));
      socket.send(JSON.stringify({ type: 'join', id: 1, room }));
    });
    socket.on('message', (bytes: Buffer) => {
      const now = performance.now();
      if (bytes.compare(EVENT, 0, EVENT.length, 0, EVENT.length) === 0) {
        const intended = intendedTimeIn(bytes);
        received++;
        if (intended >= firstMeasured) delivered.push(now - intended);
        return;
      }
      if (bytes.compare(ACK, 0, ACK.length, 0, ACK.length) === 0) {
        const ack = JSON.parse(bytes.toString()) as { id: number; room: string };
        const intended = sentAt.get(`${ack.room} ${ack.id}`) ?? Number.NaN;
        sentAt.delete(`${ack.room} ${ack.id}`);
        if (intended >= firstMeasured) acked.push(now - intended);
        return;
      }
      const frame = JSON.parse(bytes.toString()) as { type: string; code?: string; message?: string };
      if (frame.type === 'live') resolve(socket);
      if (frame.type === 'error') fail(`${frame.code}: ${frame.message}`);
    });
  });
}

const sockets: WebSocket[] = [];
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
  const roomIndex = index % job.rooms;
  const room = roomName(roomIndex);
  const pub = Math.floor(index / job.rooms) + 1;
  sentAt.set(`${room} ${pub + 1}`, intended);
  sockets[roomIndex]?.send(
    `{"type":"publish","id":${pub + 1},"room":"${room}","pub":${pub},"event":"bench","data":${payload(intended, job.payloadBytes)}}`,
  );
});
const cpu = process.cpuUsage(cpuBefore);
const loadCpu = (cpu.user + cpu.system) / 1000 / (performance.now() - measuredFrom);

const expected = total * job.membersPerRoom;
const deadline = performance.now() + SETTLE_MS;
while ((received < expected || sentAt.size > 0) && performance.now() < deadline) {
  await new Promise((resolve) => setTimeout(resolve, 20));
}
const result: LoadResult = {
  delivered: summarise(delivered),
  acked: summarise(acked),
  lost: expected - received,
  loadCpu,
};
for (const socket of sockets) socket.terminate();
process.stdout.write(`${JSON.stringify(result)}\n`);
