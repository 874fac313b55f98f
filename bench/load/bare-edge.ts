/**
 * The best bare loop behind WebSockets: the same processes in a row as Roomlog's (load, gateway, broker, sequencer), and none of its work.
 * It takes publishes from WebSockets, produces them, has them carried over by `bare-middle.ts`, reads them back, and writes each to its
 * room's members from one buffer, the publisher's ack in the same write. What it takes longer than the loop is what the way through two more sockets
 * and the members' writes cost any program in Node; what Roomlog takes longer than it is Roomlog's.
 *
 *     record key: the publish's id, a space, the room; value: the event's frame
 */
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Partition, RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import { wholeMessage } from '../../gateway/protocol/websocket-frame.ts';
import { openLog } from '../support/open-log.ts';
import { type EdgeJob, readJob } from './messages.ts';

const TEXT = 1;

interface Room {
  readonly members: Duplex[];
  publisher: Duplex | null;
}

const job = readJob<EdgeJob>();
const log = await openLog(job.brokers);
const rooms = new Map<string, Room>();
let waiting = new Map<Partition, { key: Buffer; value: Buffer }[]>();
let isInFlight = false;

async function flush(): Promise<void> {
  if (isInFlight || waiting.size === 0) return;
  isInFlight = true;
  const batches = [...waiting].map(([partition, records]) => ({ partition, records }));
  waiting = new Map();
  for (const outcome of await log.append(job.from, batches)) if (outcome.status !== 'appended') throw outcome.error;
  isInFlight = false;
  void flush();
}

function take(socket: Duplex, frame: Record<string, unknown>): void {
  const { type, id, room, event, data } = frame as {
    type: string;
    id: number;
    room: string;
    event: string;
    data: object;
  };
  if (type === 'join') {
    const joined = rooms.get(room) ?? { members: [], publisher: null };
    rooms.set(room, joined);
    joined.members.push(socket);
    socket.once('close', () => joined.members.splice(joined.members.indexOf(socket), 1));
    socket.write(wholeMessage(`{"type":"live","room":${JSON.stringify(room)}}`, TEXT));
    return;
  }
  if (type !== 'publish') return;
  const published = rooms.get(room);
  if (published !== undefined) published.publisher = socket;
  const partition = partitionOf(room as RoomId, job.partitions);
  const text = `{"type":"event","room":${JSON.stringify(room)},"event":${JSON.stringify(event)},"data":${JSON.stringify(data)}}`;
  const records = waiting.get(partition) ?? [];
  records.push({ key: Buffer.from(`${id} ${room}`), value: Buffer.from(text) });
  waiting.set(partition, records);
  queueMicrotask(() => void flush());
}

const tail = log.tail({
  topic: job.to,
  onRecords: (_partition, records) => {
    for (const { key, value } of records) {
      if (key === null || value === null) continue;
      const known = key.toString();
      const space = known.indexOf(' ');
      const room = rooms.get(known.slice(space + 1));
      if (room === undefined) continue;
      const frame = wholeMessage(value, TEXT);
      for (const member of room.members) {
        if (member !== room.publisher) member.write(frame);
        else member.write(Buffer.concat([wholeMessage(`{"type":"ack","id":${known.slice(0, space)}}`, TEXT), frame]));
      }
    }
  },
  onError: (_partition, error) => {
    throw error;
  },
});
for (const [number, { end }] of await log.ranges(job.to)) tail.assign(number, end);

const middle = fork(fileURLToPath(new URL('bare-middle.ts', import.meta.url)), [
  JSON.stringify({ ...job, loop: 'raw' }),
]);
await new Promise((resolve) => middle.once('message', resolve));

const server = createServer();
const websockets = new WebSocketServer({ server, clientTracking: false, perMessageDeflate: false });
websockets.on('connection', (websocket: WebSocket, { socket }) => {
  socket.setNoDelay(true);
  websocket.on('error', () => {});
  websocket.on('message', (bytes: Buffer) => take(socket, JSON.parse(bytes.toString()) as Record<string, unknown>));
});
await new Promise<void>((resolve) => server.listen(job.port, '127.0.0.1', resolve));
process.on('SIGTERM', () => {
  middle.kill('SIGTERM');
  process.exit(0);
});
process.send?.('ready');
