/**
 * What a storm costs in Node without a gateway: `ws` accepts the same clients at the same rate, parses their two commands, verifies the token and answers; what they
 * missed was built before, one buffer for each room, and is one write to the socket. Nothing is read from the log but live events, by Roomlog's own reader, and
 * these are one `ws.send` for each member. No rights, no limits, no ring, no cursors that mean anything.
 */
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { openCodec } from '../../adapters/registry/open-codec.ts';
import { configSchema } from '../../core/config/schema.ts';
import type { Offset, Partition, RoomId, Seq } from '../../core/ids.ts';
import { NO_OFFSET, userId } from '../../core/ids.ts';
import { PacedLine } from '../../core/limits/paced-line.ts';
import { systemClock } from '../../core/ports/clock.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { TokenVerifier } from '../../gateway/auth/token.ts';
import { Delivery } from '../../gateway/fanout/delivery.ts';
import { LogEvent } from '../../gateway/history/log-event.ts';
import { eventFrame } from '../../gateway/protocol/event-frame.ts';
import { jsonEncoding } from '../../gateway/protocol/json.ts';
import { openLog } from '../support/open-log.ts';
import type { BareWsJob } from './messages.ts';

/** Unused: a cursor has to look like one. */
const STREAM_ID = '0'.repeat(32);
const USER = userId('bench');
/** As long as Roomlog's. */
const WELCOME = `{"type":"welcome"`.padEnd(329, ' ').concat('}');

interface Command {
  readonly type: 'hello' | 'join';
  readonly token?: string;
  readonly room?: string;
  readonly after?: string;
}

const job = JSON.parse(process.argv[2] ?? '{}') as BareWsJob;
const lastSeq = job.had + job.behind;
const verifier = new TokenVerifier({ secret: Buffer.from(job.secret), clockToleranceMs: 5_000, clock: systemClock });
const members = new Map<string, Set<WebSocket>>();
const data = Buffer.from(JSON.stringify('x'.repeat(job.payloadBytes - 2)));
const missed = new Map(job.rooms.map((room) => [room, backlogOf(room as RoomId)]));

/** The bytes that a gateway would send to those who take batches. */
function backlogOf(room: RoomId): Buffer {
  const events = Array.from({ length: job.behind }, (_, index) => {
    const seq = (job.had + index + 1) as Seq;
    return new LogEvent(STREAM_ID, 0 as Partition, (seq * job.rooms.length) as Offset, {
      room,
      seq,
      time: Date.now(),
      prev: NO_OFFSET,
      user: USER,
      session: null,
      pub: null,
      key: null,
      origin: null,
      event: 'tick',
      contentType: null,
      data,
      expiresAt: null,
      traceparent: null,
    });
  });
  return new Delivery(events, 0).framed({ encoding: jsonEncoding, batch: true, deflate: null });
}

function join(websocket: WebSocket, socket: Duplex, { room = '', after }: Command): void {
  const recovers = after !== undefined;
  websocket.send(`{"type":"joined","id":1,"room":"${room}","recovered":${recovers}}`);
  const backlog = recovers ? missed.get(room) : undefined;
  if (backlog !== undefined) socket.write(backlog);
  websocket.send(`{"type":"live","room":"${room}","seq":${recovers ? lastSeq : 0},"cursor":"${STREAM_ID}"}`);
  const joined = members.get(room) ?? new Set();
  members.set(room, joined.add(websocket));
  websocket.on('close', () => joined.delete(websocket));
}

const server = createServer();
const websockets = new WebSocketServer({ noServer: true, clientTracking: false, perMessageDeflate: false });
const handshakes = new PacedLine({
  perSecond: job.handshakesPerSecond,
  maxWaitMs: job.acceptWaitMs,
  clock: systemClock,
});
server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => socket.destroy());
  const awayMs = handshakes.enter(() => {
    if (socket.destroyed) return false;
    websockets.handleUpgrade(request, socket, head, (websocket) => {
      websocket.on('error', () => {});
      websocket.on('message', async (bytes: Buffer) => {
        const command = JSON.parse(bytes.toString()) as Command;
        if (command.type === 'join') return join(websocket, socket, command);
        await verifier.verify(command.token ?? '');
        websocket.send(WELCOME);
      });
    });
    return true;
  });
  if (awayMs > 0) socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
});

const codec = await openCodec(configSchema.parse({ registry: { url: job.registry } }), silentLog);
const log = await openLog(job.brokers);
const tail = log.tail({
  topic: job.topic,
  onRecords: (partition, records) => {
    for (const { offset, value } of records) {
      const record = value === null ? null : codec.decodeOutbound(value);
      if (record === null || 'unknownSchema' in record || record.event === null) continue;
      const joined = members.get(record.event.room);
      if (joined === undefined || joined.size === 0) continue;
      const frame = eventFrame(new LogEvent(STREAM_ID, partition, offset, record.event));
      for (const websocket of joined) websocket.send(frame, { binary: false });
    }
  },
  onError: (_partition, error) => {
    throw error;
  },
});
for (const [partition, { end }] of await log.ranges(job.topic)) tail.assign(partition, end);
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
server.listen(job.port, '127.0.0.1', () => process.send?.('ready'));
