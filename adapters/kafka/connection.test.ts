/** What becomes of a client's failures, with a client that is played by functions. */
import { expect, test } from 'vitest';
import { configSchema } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import { systemClock } from '../../core/ports/clock.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { Connections } from './connection.ts';
import { noKafkaMetrics } from './kafka-metrics.ts';
import { Reachability } from './reachability.ts';
import { type BrokerConnection, BrokerRefusal, NotSentError } from './transport.ts';
import { metadataRequest } from './wire/metadata.ts';

const address = { nodeId: 1, host: 'broker', port: 1 };

/** Every request fails with what `fail` throws. */
function setup(fail: () => Error) {
  const given = { up: 0 };
  const outcomes: string[] = [];
  const rejecting = () => Promise.reject(fail());
  const broker = {
    usable: true,
    ready: async () => {},
    send: rejecting,
    heartbeat: rejecting,
    discard: () => void given.up++,
  } as unknown as BrokerConnection;
  const connections = new Connections({
    createTransport: () => ({ open: async () => broker, destroySockets: () => {} }),
    config: configSchema.parse({}).kafka,
    clientId: 'test',
    logger: silentLog,
    reachability: new Reachability(systemClock, 1_000),
    requestTimeoutMs: 1_000,
    metrics: { ...noKafkaMetrics, requested: (_, outcome) => void outcomes.push(outcome) },
  });
  const ask = () => connections.send(address, metadataRequest([])).catch((error: unknown) => error);
  const beat = () =>
    connections
      .use(address, 'heartbeat', (one) => one.heartbeat({ groupId: 'g', memberId: 'm', generation: 1 }))
      .catch((error: unknown) => error);
  return { ask, beat, given, outcomes };
}

test('a request whose answer does not come has an unknown outcome, and its connection is given up', async () => {
  const { ask, given, outcomes } = setup(() => new Error('lost'));
  const error = await ask();
  expect(error).toMatchObject({ code: 'kafka_unreachable' });
  expect(error).not.toBeInstanceOf(NotSentError);
  expect(given.up).toBe(1);
  expect(outcomes).toEqual(['failed']);
});

test('a request that never left is told from one without an answer', async () => {
  const { ask, given, outcomes } = setup(() => new NotSentError('kafka_unreachable'));
  expect(await ask()).toBeInstanceOf(NotSentError);
  expect(given.up).toBe(1);
  expect(outcomes).toEqual(['not_sent']);
});

test('a coordinator’s no is an answer, and its connection is kept', async () => {
  const { beat, given, outcomes } = setup(() => new BrokerRefusal('ILLEGAL_GENERATION'));
  expect(await beat()).toMatchObject({ type: 'ILLEGAL_GENERATION' });
  expect(given.up).toBe(0);
  expect(outcomes).toEqual(['refused']);
});

test('a login that is refused in place of an answer is a failure like others', async () => {
  const { ask, given, outcomes } = setup(() => new BrokerRefusal('ILLEGAL_SASL_STATE'));
  const error = await ask();
  expect(error).toBeInstanceOf(RoomlogError);
  expect(error).toMatchObject({ code: 'kafka_unreachable' });
  expect(given.up).toBe(1);
  expect(outcomes).toEqual(['failed']);
});
