/**
 * What people would use instead, each with its best documented settings, in a process of its own that reads the same topic by the same
 * reader and sends the same JSON:
 *
 *   socket.io   `io.to(room).emit`, WebSocket transport alone, no compression; it frames a broadcast once for all members
 *   ws-send     `ws.send(buffer)` to each member, no compression
 *   ws-shared   hand-written: the frames of a fixed window joined in one buffer, written to each member's raw socket
 *   node-floor  the least that Node can do: no JSON, the records' own bytes; see node-floor.ts
 */
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { openCodec } from '../../adapters/registry/open-codec.ts';
import { configSchema } from '../../core/config/schema.ts';
import type { TailOptions } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { frameMessages } from '../../gateway/fanout/writer.ts';
import { LogEvent } from '../../gateway/history/log-event.ts';
import { eventFrame } from '../../gateway/protocol/event-frame.ts';
import { openLog } from '../support/open-log.ts';
import { openSocketIo } from '../support/socket-io.ts';
import type { ServerJob } from './messages.ts';
import { nodeFloor } from './node-floor.ts';

/** Unused: a cursor has to look like one. */
const STREAM_ID = '0'.repeat(32);

/** A server, as far as the reader knows it. */
type Peer = Pick<TailOptions, 'onRecords' | 'restMs'>;

/** A server that takes events one by one. */
interface EventPeer {
  onEvent(event: LogEvent): void;
  /** What one fetch brought has been handed over. */
  onBatchEnd(): void;
}

/** As much of Socket.IO as is used. */
interface SocketIo {
  on(event: 'connection', listener: (socket: IoSocket) => void): void;
  to(room: string): { emit(event: string, body: object): void };
}
interface IoSocket {
  on(event: 'join', listener: (room: string) => void): void;
  join(room: string): Promise<void> | void;
  emit(event: 'joined'): void;
}

const job = JSON.parse(process.argv[2] ?? '{}') as ServerJob;
const server = createServer();

async function socketIo(): Promise<EventPeer> {
  const io = await openSocketIo<SocketIo>(server);
  io.on('connection', (socket) => {
    socket.on('join', (room) => {
      void socket.join(room);
      socket.emit('joined');
    });
  });
  return {
    onEvent: ({ room, seq, cursor, time, user, event, data }) => {
      const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString();
      io.to(room).emit('event', { room, seq, cursor, time, user, event, data: JSON.parse(text) });
    },
    onBatchEnd: () => {},
  };
}

/** Members by room; the room is named in the URL. */
function membersByRoom<Member>(member: (websocket: import('ws').WebSocket, socket: Duplex) => Member) {
  const rooms = new Map<string, Set<Member>>();
  const websockets = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });
  server.on('upgrade', (request, socket, head) => {
    websockets.handleUpgrade(request, socket, head, (websocket) => {
      const room = new URL(request.url ?? '', 'http://peer').searchParams.get('room') ?? '';
      const one = member(websocket, socket);
      const members = rooms.get(room) ?? new Set();
      rooms.set(room, members.add(one));
      websocket.on('close', () => members.delete(one));
      websocket.on('error', () => {});
    });
  });
  return rooms;
}

function wsSend(): EventPeer {
  const rooms = membersByRoom((websocket) => websocket);
  return {
    onEvent: (event) => {
      const frame = eventFrame(event);
      for (const websocket of rooms.get(event.room) ?? []) websocket.send(frame, { binary: false });
    },
    onBatchEnd: () => {},
  };
}

function wsShared(): EventPeer {
  const rooms = membersByRoom((_, socket) => socket);
  const windows = new Map<string, Buffer[]>();
  let isWaiting = false;
  const flush = (): void => {
    isWaiting = false;
    for (const [room, frames] of windows) {
      const framed = frameMessages(frames, 1);
      for (const socket of rooms.get(room) ?? []) socket.write(framed);
    }
    windows.clear();
  };
  return {
    onEvent: (event) => {
      const frames = windows.get(event.room);
      if (frames === undefined) windows.set(event.room, [eventFrame(event)]);
      else frames.push(eventFrame(event));
    },
    onBatchEnd: () => {
      if (job.windowMs === 0) flush();
      else if (!isWaiting) {
        isWaiting = true;
        setTimeout(flush, job.windowMs);
      }
    },
  };
}

async function decoding(peer: EventPeer): Promise<Peer> {
  const codec = await openCodec(configSchema.parse({ registry: { url: job.registry } }), silentLog);
  return {
    onRecords: (partition, records) => {
      for (const { offset, value } of records) {
        const record = value === null ? null : codec.decodeOutbound(value);
        if (record === null || 'unknownSchema' in record || record.event === null) continue;
        peer.onEvent(new LogEvent(STREAM_ID, partition, offset, record.event));
      }
      peer.onBatchEnd();
    },
  };
}

const peers: Readonly<Record<ServerJob['kind'], () => Peer | Promise<Peer>>> = {
  'socket.io': async () => decoding(await socketIo()),
  'ws-send': () => decoding(wsSend()),
  'ws-shared': () => decoding(wsShared()),
  'node-floor': () =>
    nodeFloor(
      membersByRoom((_, socket) => socket),
      job.windowMs,
    ),
};
const peer = await peers[job.kind]();
const log = await openLog(job.brokers);
const tail = log.tail({
  ...peer,
  topic: job.topic,
  onError: (_partition, error) => {
    throw error;
  },
});
for (const [partition, { end }] of await log.ranges(job.topic)) tail.assign(partition, end);
process.on('disconnect', () => process.exit(0));
server.listen(job.port, '127.0.0.1', () => process.send?.('ready'));
