/** The Avro subprotocol and bound events through real gateways, Kafka and a real registry. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { createRestClient } from '../../adapters/registry/rest-client.ts';
import { createLogger } from '../../adapters/telemetry/log.ts';
import { configSchema } from '../../core/config/schema.ts';
import { type RunningGateway, startGateway } from '../../gateway/main.ts';
import { AVRO_PAYLOAD, PayloadSchema } from '../../schemas/payload-schema.ts';
import { statePaths } from '../../scripts/stack/state-dir.ts';
import { eventsOf } from '../support/frames.ts';
import { RegistryGate } from '../support/real-stream.ts';
import { stack, token } from '../support/stack.ts';
import { AVRO, type Frame, WireClient } from '../support/wire-client.ts';

const SUBJECT = `orders-${randomUUID()}`;
const ORDER = {
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'sku', type: 'string' },
    { name: 'price', type: 'double' },
  ],
};
const NOTE = { name: 'note', type: ['null', 'string'], default: null };
const clients: WireClient[] = [];
let gate: RegistryGate;
let bound: RunningGateway;

beforeAll(async () => {
  const { kafka, registry, redis, topics, partitions } = stack();
  gate = await RegistryGate.before(registry.url);
  const config = configSchema.parse({
    stream: { prefix: topics.inbound.replace(/\.inbound$/, ''), partitions },
    kafka: { brokers: [...kafka.brokers] },
    registry: { url: gate.url, boundEvents: [`ordered=${SUBJECT}`], refreshMs: 3_600_000, timeoutMs: 2_000 },
    redis: { url: redis.url },
    auth: { secretFile: statePaths(inject('stateDir')).secretFile },
    gateway: { name: `bound-${process.pid}`, port: 0, adminPort: 0, drainWindowMs: 50, compression: true },
    log: { level: 'silent' },
  });
  bound = await startGateway(config, { logger: createLogger(config, { name: 'bound' }) });
}, 60_000);

afterAll(async () => {
  for (const client of clients) client.socket.terminate();
  await bound?.stop();
  await gate?.close();
});

async function hello(protocols: string[], options: { batch?: boolean; deflate?: boolean } = {}): Promise<WireClient> {
  const { batch = false, deflate = false } = options;
  const url = `${bound.url.replace('http', 'ws')}/v1/ws`;
  const client = await WireClient.open(url, protocols, { perMessageDeflate: deflate });
  clients.push(client);
  client.send({ type: 'hello', token: await token('alice'), batch });
  await client.next('welcome');
  return client;
}

async function join(client: WireClient, room: string): Promise<void> {
  expect(await client.ask({ type: 'join', room, after: 'start' })).toMatchObject({ type: 'joined' });
  await client.find(({ type, room: of }) => type === 'live' && of === room);
}

const register = async (schema: object): Promise<number> => {
  const client = createRestClient(configSchema.parse({ registry: { url: stack().registry.url } }).registry);
  return await client.register(SUBJECT, { schema: JSON.stringify(schema), schemaType: 'AVRO' }, true);
};

/** Asks until the gateway has looked at the registry. */
async function asked(client: WireClient, frame: object): Promise<Frame> {
  for (;;) {
    const answer = await client.ask(frame);
    if (answer.code !== 'unavailable') return answer;
  }
}

test('plain, batched, compressed and Avro members of one room get the same events, live and caught up', async () => {
  const room = `mixed/${randomUUID()}`;
  const forms = [[], [AVRO]].flatMap((protocols) =>
    [{}, { batch: true }, { deflate: true }, { batch: true, deflate: true }].map((form) => ({ protocols, form })),
  );
  const members = await Promise.all(forms.map(({ protocols, form }) => hello(protocols, form)));
  await Promise.all(members.map((member) => join(member, room)));
  const publishers = [await hello([]), await hello([AVRO])];
  const text = 'the same again '.repeat(100);
  await Promise.all(
    publishers.map(async (publisher) => {
      for (let pub = 1; pub <= 20; pub += 1) {
        const answer = await publisher.ask({ type: 'publish', room, pub, event: 'said', data: { pub, text } });
        expect(answer).toMatchObject({ type: 'ack', pub });
      }
    }),
  );
  const late = await hello([AVRO], { batch: true });
  await join(late, room);
  const seen = await Promise.all(
    [...members, late].map(async (member) => {
      await member.find((frame) => eventsOf([frame]).some(({ seq }) => seq === 40));
      return eventsOf(member.frames);
    }),
  );
  expect(seen[0]?.map(({ seq }) => seq)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  for (const events of seen) expect(events).toEqual(seen[0]);
}, 60_000);

test('bound events follow their subject: checked, converted, known while the registry is away, and again in a new version', async () => {
  const room = `bound/${randomUUID()}`;
  const json = await hello([]);
  const avro = await hello([AVRO]);
  await Promise.all([join(json, room), join(avro, room)]);
  const publish = { type: 'publish', room, event: 'ordered' };
  const data = { sku: 'a', price: 1.5 };
  expect(await json.ask({ ...publish, pub: 1, data })).toMatchObject({ code: 'unavailable', retryAfter: 1_000 });

  const first = new PayloadSchema(await register(ORDER), JSON.stringify(ORDER));
  expect(await asked(json, { ...publish, pub: 1, data })).toMatchObject({ type: 'ack', seq: 1 });
  expect(await json.ask({ ...publish, pub: 2, data: { sku: 'a' } })).toMatchObject({
    code: 'schema_rejected',
    path: 'data.price',
  });
  expect(await avro.ask({ ...publish, pub: 1, contentType: AVRO_PAYLOAD, data: first.encode(data) })).toMatchObject({
    seq: 2,
  });

  gate.isOpen = false;
  expect(await json.ask({ ...publish, pub: 2, data })).toMatchObject({ type: 'ack', seq: 3 });
  gate.isOpen = true;

  const evolved = { ...ORDER, fields: [...ORDER.fields, NOTE] };
  const second = new PayloadSchema(await register(evolved), JSON.stringify(evolved));
  const noted = { ...data, note: 'new' };
  const newer = { ...publish, pub: 2, contentType: AVRO_PAYLOAD, data: second.encode(noted) };
  expect(await asked(avro, newer)).toMatchObject({ type: 'ack', seq: 4 });
  // Stored under the first version, sent again under the second: the same publish.
  expect(await json.ask({ ...publish, pub: 1, data })).toMatchObject({ duplicate: true, seq: 1 });

  const events = await json.count('event', 4);
  expect(events.map((event) => event.data)).toEqual([data, data, data, noted]);
  const stored = await avro.count('event', 4);
  expect(stored.map((event) => (event.data as Buffer).readInt32BE(1))).toEqual([
    first.id,
    first.id,
    first.id,
    second.id,
  ]);
}, 60_000);
