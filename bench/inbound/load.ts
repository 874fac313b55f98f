/**
 * Publishes at a fixed rate over many connections, each to a room of its own that nobody has joined, and takes the time to each ack from when the
 * publish should have been sent. A connection keeps to the protocol's window; what has to wait for it counts all the same.
 */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { cpuSeconds, startStealMeter } from '../support/cpu.ts';
import { round, summarise } from '../support/latency.ts';
import { pace } from '../support/pace.ts';
import { ackedId, helloFrame, publishFrame } from './avro.ts';
import type { LoadJob, LoadResult } from './messages.ts';

/** The protocol's limit of unanswered publishes per session and room. */
const WINDOW = 32;
const CONNECT_AT_ONCE = 50;
const SETTLE_MS = 10_000;
const ACK = Buffer.from('{"type":"ack","id":');
const COMMA = 0x2c;

const job = JSON.parse(process.argv[2] ?? '{}') as LoadJob;
const data = JSON.stringify({ text: 'x'.repeat(Math.max(0, job.payloadBytes - '{"text":""}'.length)) });
const dataBytes = Buffer.from(data);
const ackedMs: number[] = [];
const errors: string[] = [];
let measuredFromMs = Number.POSITIVE_INFINITY;
let measuredToMs = Number.POSITIVE_INFINITY;
let ackedInTime = 0;

class Publisher {
  readonly #socket: WebSocket;
  readonly #room: string;
  readonly #head: string;
  /** Intended times of what waits for the window, and of what is unanswered, oldest first: acks come in order. */
  readonly #waiting: number[] = [];
  readonly #unanswered: number[] = [];
  #pub = 0;
  #acked = 0;

  constructor(socket: WebSocket, room: string) {
    this.#socket = socket;
    this.#room = room;
    this.#head = `"room":"${room}","event":"bench","data":${data}`;
    socket.on('message', (bytes: Buffer) => this.#onMessage(bytes));
    socket.on('close', (code) => errors.push(`closed with ${code}`));
  }

  get left(): number {
    return this.#waiting.length + this.#unanswered.length;
  }

  publish(intendedAtMs: number): void {
    this.#waiting.push(intendedAtMs);
    this.#send();
  }

  #send(): void {
    while (this.#unanswered.length < WINDOW) {
      const intended = this.#waiting.shift();
      if (intended === undefined) return;
      this.#pub += 1;
      this.#unanswered.push(intended);
      this.#socket.send(this.#frame(this.#pub));
    }
  }

  #frame(pub: number): string | Buffer {
    if (job.encoding === 'json') return `{"type":"publish","id":${pub},"pub":${pub},${this.#head}}`;
    return publishFrame({ id: pub, room: this.#room, pub, event: 'bench', data: dataBytes });
  }

  #onMessage(bytes: Buffer): void {
    const id = job.encoding === 'json' ? jsonAckedId(bytes) : ackedId(bytes);
    if (id === null) {
      errors.push(bytes.toString('utf8', 0, 200));
      return;
    }
    const now = performance.now();
    this.#acked += 1;
    if (id !== this.#acked) errors.push(`ack of ${id} instead of ${this.#acked}`);
    const intended = this.#unanswered.shift() ?? Number.NaN;
    if (now >= measuredFromMs && now < measuredToMs) ackedInTime += 1;
    if (intended >= measuredFromMs && intended < measuredToMs) ackedMs.push(now - intended);
    this.#send();
  }
}

/** The `id` of an ack; null for any other frame. */
function jsonAckedId(bytes: Buffer): number | null {
  if (bytes.compare(ACK, 0, ACK.length, 0, ACK.length) !== 0) return null;
  return Number(bytes.toString('latin1', ACK.length, bytes.indexOf(COMMA, ACK.length)));
}

async function open(index: number): Promise<Publisher> {
  const isAvro = job.encoding === 'avro';
  // The loop without us knows no subprotocols.
  const protocols = job.token !== null && isAvro ? ['roomlog.v1.avro'] : [];
  const socket = new WebSocket(job.url, protocols, { perMessageDeflate: false });
  await once(socket, 'open');
  if (job.token !== null) {
    socket.send(isAvro ? helloFrame(job.token) : JSON.stringify({ type: 'hello', token: job.token }));
    await once(socket, 'message');
  }
  return new Publisher(socket, `bench/inbound/${process.pid}/${index}`);
}

const publishers: Publisher[] = [];
while (publishers.length < job.connections) {
  const many = Math.min(CONNECT_AT_ONCE, job.connections - publishers.length);
  const from = publishers.length;
  publishers.push(...(await Promise.all(Array.from({ length: many }, (_, index) => open(from + index)))));
}

/** CPU time of all that is watched, at one moment. */
const readings = () => ({
  server: cpuSeconds(job.serverPid),
  brokers: job.brokerPids.reduce((sum, pid) => sum + cpuSeconds(pid), 0),
  own: process.cpuUsage(),
  atMs: performance.now(),
});

let before = readings();
let stolenShare = startStealMeter();
const warmUp = job.perSecond * job.warmUpSeconds;
await pace(job.perSecond, warmUp + job.perSecond * job.seconds, (index, intended) => {
  if (index === warmUp) {
    before = readings();
    stolenShare = startStealMeter();
    measuredFromMs = before.atMs;
  }
  publishers[index % publishers.length]?.publish(intended);
});
const after = readings();
measuredToMs = after.atMs;
const stolen = stolenShare();
const deadline = performance.now() + SETTLE_MS;
const left = () => publishers.reduce((sum, publisher) => sum + publisher.left, 0);
while (left() > 0 && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));

const seconds = (after.atMs - before.atMs) / 1000;
const own = after.own.user + after.own.system - before.own.user - before.own.system;
const result: LoadResult = {
  acked: ackedInTime,
  ackedMs: summarise(ackedMs),
  unanswered: left(),
  errors: errors.slice(0, 5),
  serverCpuSeconds: round(after.server - before.server),
  seconds: round(seconds),
  load: round(own / 1e6 / seconds),
  brokers: round((after.brokers - before.brokers) / seconds / job.brokerCores),
  stolen,
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
