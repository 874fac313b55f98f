/**
 * What a team would write to take publishes from WebSockets into Kafka, in its best form, and without any of Roomlog's promises: `ws`, a parsed frame, the
 * record to its room's partition with acks=all (all that one turn of the event loop brought in one request, no client library's batching in between:
 * Roomlog's own Kafka adapter), read back from the log, and one write of acks per connection for all that one fetch brought. No permissions, numbers,
 * de-duplication, order across retries, limits or metrics.
 *
 *     record value: 4 bytes connection | 4 bytes id | the event's data
 */
import { createServer } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Partition, partition as partitionId, type RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import { wholeMessage } from '../../gateway/protocol/websocket-frame.ts';
import { openLog } from '../support/open-log.ts';
import { ackFrame, readPublish } from './avro.ts';
import type { Encoding, PeerJob } from './messages.ts';

const job = JSON.parse(process.argv[2] ?? '{}') as PeerJob;
const PREFIX_BYTES = 8;

/** Of a frame: what goes into the record. */
interface Publish {
  readonly id: number;
  readonly room: string;
  readonly data: Buffer;
}

/** The best there is to read and answer with, in each encoding. */
const ENCODINGS: Record<
  Encoding,
  {
    readonly opcode: 1 | 2;
    read(bytes: Buffer): Publish | null;
    ack(id: number, room: string, seq: number): Buffer | string;
  }
> = {
  json: {
    opcode: 1,
    read: (bytes) => {
      const { type, id, room, data } = JSON.parse(bytes.toString()) as Record<string, unknown>;
      if (type !== 'publish') return null;
      return { id: id as number, room: room as string, data: Buffer.from(JSON.stringify(data)) };
    },
    ack: (id, room, seq) => `{"type":"ack","id":${id},"room":${JSON.stringify(room)},"seq":${seq}}`,
  },
  avro: { opcode: 2, read: readPublish, ack: ackFrame },
};
const { opcode, read, ack } = ENCODINGS[job.encoding];

const log = await openLog(job.brokers);
const server = createServer();
const websockets = new WebSocketServer({ server, clientTracking: false, perMessageDeflate: false });
const connections: { readonly socket: import('node:stream').Duplex; acks: Buffer[] }[] = [];

let waiting = new Map<Partition, { key: Buffer; value: Buffer }[]>();
let isInFlight = false;
let isWoken = false;

async function flush(): Promise<void> {
  isWoken = false;
  if (isInFlight || waiting.size === 0) return;
  isInFlight = true;
  const batches = [...waiting].map(([number, records]) => ({ partition: number, records }));
  waiting = new Map();
  for (const outcome of await log.append(job.topic, batches)) if (outcome.status !== 'appended') throw outcome.error;
  isInFlight = false;
  void flush();
}

websockets.on('connection', (websocket: WebSocket, request) => {
  const index = connections.push({ socket: request.socket, acks: [] }) - 1;
  websocket.on('error', () => {});
  websocket.on('message', (bytes: Buffer) => {
    const publish = read(bytes);
    if (publish === null) return;
    const { id, room, data } = publish;
    const value = Buffer.allocUnsafe(PREFIX_BYTES + data.length);
    value.writeUInt32BE(index, 0);
    value.writeUInt32BE(id, 4);
    data.copy(value, PREFIX_BYTES);
    const number = partitionOf(room as RoomId, job.partitions);
    const records = waiting.get(number);
    const record = { key: Buffer.from(room), value };
    if (records === undefined) waiting.set(number, [record]);
    else records.push(record);
    if (isWoken) return;
    isWoken = true;
    setImmediate(() => void flush());
  });
});

const touched = new Set<(typeof connections)[number]>();
const tail = log.tail({
  topic: job.topic,
  onRecords: (_partition, records) => {
    for (const { offset, key, value } of records) {
      if (value === null) continue;
      const connection = connections[value.readUInt32BE(0)];
      if (connection === undefined) continue;
      const id = value.readUInt32BE(4);
      const frame = ack(id, key?.toString() ?? '', offset);
      if (connection.acks.push(wholeMessage(frame, opcode)) === 1) touched.add(connection);
    }
    if (touched.size > 0) process.nextTick(writeAcks);
  },
  onError: (_partition, error) => {
    throw error;
  },
});

function writeAcks(): void {
  for (const connection of touched) {
    connection.socket.write(Buffer.concat(connection.acks));
    connection.acks = [];
  }
  touched.clear();
}

for (const [number, { end }] of await log.ranges(job.topic)) tail.assign(partitionId(number), end);
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
server.listen(job.port, '127.0.0.1', () => process.send?.('ready'));
