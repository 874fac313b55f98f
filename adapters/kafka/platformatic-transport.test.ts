/** What the transport over @platformatic/kafka promises, against a broker that is played by a server on loopback. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { configSchema } from '../../core/config/schema.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { createPlatformaticTransport } from './platformatic-transport.ts';
import { BrokerRefusal, NotSentError } from './transport.ts';
import { ByteReader, ByteWriter } from './wire/bytes.ts';
import { wireRequest } from './wire/request.ts';

const HEARTBEAT = 12;
const JOIN_GROUP = 11;
const METADATA = 3;
const CONNECT_TIMEOUT_MS = 20_000;
const IN_TIME_MS = 5_000;

/** The body of an answer; null for none at all. */
type Answer = (api: number, body: ByteReader) => Buffer | null;

class PlayedBroker {
  readonly sockets: Socket[] = [];
  readonly asked: number[] = [];
  answer: Answer = () => null;
  readonly #server: Server = createServer((socket) => this.#serve(socket));

  async listen(): Promise<{ host: string; port: number; nodeId: number }> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port, nodeId: 1 };
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
  }

  #serve(socket: Socket): void {
    this.sockets.push(socket);
    let held = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 4 && held.length >= 4 + held.readInt32BE(0)) {
        const length = held.readInt32BE(0);
        this.#answer(socket, new ByteReader(held.subarray(4, 4 + length)));
        held = held.subarray(4 + length);
      }
    });
  }

  #answer(socket: Socket, request: ByteReader): void {
    const api = request.int16();
    request.int16();
    const correlation = request.int32();
    request.string();
    this.asked.push(api);
    const body = this.answer(api, request);
    if (body === null) return;
    socket.write(
      new ByteWriter()
        .int32(body.length + 4)
        .int32(correlation)
        .raw(body)
        .finish(),
    );
  }
}

const ends: Array<() => void> = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

async function setup(kafka: object = {}) {
  const broker = new PlayedBroker();
  const address = await broker.listen();
  const config = configSchema.parse({
    kafka: { client: 'platformatic', connectionTimeoutMs: CONNECT_TIMEOUT_MS, ...kafka },
  });
  const options = { clientId: 'test', logger: silentLog, requestTimeoutMs: CONNECT_TIMEOUT_MS };
  const transport = createPlatformaticTransport(config.kafka, options);
  ends.push(() => {
    transport.destroySockets();
    broker.close();
  });
  return { broker, transport, open: () => transport.open(address) };
}

const question = wireRequest('metadata', 7, Buffer.from('asked'), (bytes) => {
  const reader = new ByteReader(bytes);
  return { clientSideThrottleTime: reader.int32(), text: reader.string() };
});
const saying = (throttleMs: number, text: string) => new ByteWriter().int32(throttleMs).string(text).finish();
const member = { groupId: 'g', memberId: 'm', generation: 1 };

async function timed(work: Promise<unknown>): Promise<{ ms: number; thrown: unknown }> {
  const startedAt = performance.now();
  const thrown = await work.then(
    () => null,
    (error: unknown) => error,
  );
  return { ms: performance.now() - startedAt, thrown };
}

test('carries the bytes of a request and reads those of its answer, also of one in pieces', async () => {
  const { broker, open } = await setup();
  const long = 'x'.repeat(30_000);
  broker.answer = (api, body) => {
    expect(api).toBe(METADATA);
    return saying(0, `${body.take(5)} ${long}`);
  };
  const connection = await open();
  const answers = await Promise.all(Array.from({ length: 20 }, () => connection.send(question)));
  expect(answers.map(({ text }) => text)).toEqual(answers.map(() => `asked ${long}`));
});

test('says of a request after the end of a connection that it surely did not leave', async () => {
  const { broker, open } = await setup();
  const connection = await open();
  expect(connection.usable).toBe(true);
  broker.sockets[0]?.destroy();
  await vi.waitFor(() => expect(connection.usable).toBe(false), { interval: 2 });
  await expect(connection.send(question)).rejects.toBeInstanceOf(NotSentError);
  await expect(connection.heartbeat(member)).rejects.toBeInstanceOf(NotSentError);
  expect(broker.asked).toEqual([]);
});

test('fails at once what waits for an answer when it is given up, and does not say that it did not leave', async () => {
  const { broker, open } = await setup();
  const connection = await open();
  const waiting = timed(connection.send(question));
  await vi.waitFor(() => expect(broker.asked).toEqual([METADATA]), { interval: 2 });
  connection.discard();
  const { ms, thrown } = await waiting;
  expect(thrown).toBeInstanceOf(Error);
  expect(thrown).not.toBeInstanceOf(NotSentError);
  expect(ms).toBeLessThan(IN_TIME_MS);
});

test('is not ready for the next request before the broker wants to hear more', async () => {
  const { broker, open } = await setup();
  broker.answer = () => saying(80, 'slowly');
  const connection = await open();
  await connection.ready('metadata');
  await connection.send(question);
  const { ms, thrown } = await timed(connection.ready('metadata'));
  expect(thrown).toBeNull();
  expect(ms).toBeGreaterThanOrEqual(75);
});

test('waits for a throttling broker no longer than until it is given up', async () => {
  const { broker, open } = await setup();
  broker.answer = () => saying(3_600_000, 'in an hour');
  const connection = await open();
  await connection.send(question);
  const waiting = timed(connection.ready('metadata'));
  connection.discard();
  const { ms, thrown } = await waiting;
  expect(thrown).toBeInstanceOf(NotSentError);
  expect(ms).toBeLessThan(IN_TIME_MS);
});

test('tells a refusal by the name that Kafka gives it', async () => {
  const { broker, open } = await setup();
  broker.answer = (api) => (api === HEARTBEAT ? new ByteWriter().int32(0).int16(27).finish() : null);
  const connection = await open();
  const { thrown } = await timed(connection.heartbeat(member));
  expect(thrown).toBeInstanceOf(BrokerRefusal);
  expect(thrown).toMatchObject({ type: 'REBALANCE_IN_PROGRESS' });
  expect(connection.usable).toBe(true);
});

test('joins as the member that the coordinator names, once it has named one', async () => {
  const { broker, open } = await setup();
  const memberIds: Array<string | null> = [];
  broker.answer = (api, body) => {
    expect(api).toBe(JOIN_GROUP);
    body.string();
    body.int32();
    body.int32();
    const memberId = body.string();
    memberIds.push(memberId);
    const isNew = memberId === '';
    return new ByteWriter()
      .int32(0)
      .int16(isNew ? 79 : 0)
      .int32(isNew ? -1 : 4)
      .string('roomlog-sticky')
      .string(isNew ? '' : 'named')
      .string('named')
      .array(isNew ? [] : ['named'], (w, id) => w.string(id).string(null).int32(2).raw(Buffer.from('me')))
      .finish();
  };
  const connection = await open();
  const protocol = { name: 'roomlog-sticky', metadata: Buffer.from('me') };
  const joined = await connection.joinGroup({
    ...{ groupId: 'g', memberId: '', protocol },
    ...{ sessionTimeoutMs: 1_000, rebalanceTimeoutMs: 1_000 },
  });
  expect(memberIds).toEqual(['', 'named']);
  expect(joined).toEqual({
    generation: 4,
    leaderId: 'named',
    memberId: 'named',
    members: [{ memberId: 'named', metadata: Buffer.from('me') }],
  });
});

test('ends an attempt to log in at once when all sockets are', async () => {
  const { broker, transport, open } = await setup({ saslMechanism: 'plain', saslUsername: 'u', saslPassword: 'p' });
  const opening = timed(open());
  await vi.waitFor(() => expect(broker.asked).toHaveLength(1), { interval: 2 });
  transport.destroySockets();
  const { ms, thrown } = await opening;
  expect(thrown).toBeInstanceOf(Error);
  expect(ms).toBeLessThan(IN_TIME_MS);
});
