import { afterEach, describe, expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { AppendBatch } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';
import { DeadLetters } from './dead-letters.ts';
import { noMetrics } from './metrics.ts';

const p0 = 0 as Partition;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

const answers = (stream: MemoryStream, partition = p0) =>
  stream.judge(partition).accepted.map(({ event, answer }) => event?.seq ?? `${answer?.code} ${answer?.reason ?? ''}`);

const letters = (stream: MemoryStream) =>
  stream.deadLetters().map(({ partition, inbound, reason }) => `${partition}/${inbound} ${reason}`);

describe('a record that can not be sequenced is answered by poison, leaves one dead letter, and the partition goes on', () => {
  const room = 'r';
  const key = Buffer.from(room);
  const of = (fields: Parameters<typeof inboundEvent>[0]) => (stream: MemoryStream) =>
    [stream.codec.encodeInbound(inboundEvent(fields)), key] as const;
  const cases: Record<string, (stream: MemoryStream) => readonly [Buffer | null, Buffer | null]> = {
    'empty: no value': () => [null, key],
    'bad_avro: not in the wire format': () => [Buffer.from('{"room":"r"}'), key],
    'bad_avro: too short': () => [Buffer.from([0, 0]), key],
    'bad_avro: cut off': (stream) => [stream.codec.encodeInbound(inboundEvent()).subarray(0, -3), key],
    'invalid_room: empty': of({ room: '' }),
    'invalid_room: a control character': of({ room: 'a\nb' }),
    'invalid_room: too long': of({ room: 'x'.repeat(201) }),
    'invalid_user: empty': of({ user: '' }),
    'invalid_event: too long': of({ event: 'e'.repeat(201) }),
    'invalid_session: longer than any': of({ session: 's'.repeat(65), pub: 1 }),
    'invalid_origin: longer than any': of({ origin: Buffer.alloc(65) }),
    'invalid_content_type: forges a header': of({ contentType: 'text/plain\r\nx: y' }),
    'wrong_partition: no key': (stream) => [stream.codec.encodeInbound(inboundEvent()), null],
    'wrong_partition: another room’s key': (stream) => [stream.codec.encodeInbound(inboundEvent()), Buffer.from('q')],
    'wrong_partition: bytes that only look like the room': (stream) => [
      stream.codec.encodeInbound(inboundEvent({ room: '\ufffd' })),
      Buffer.from([0xf0, 0x9f, 0x98]),
    ],
    'bad_json: frame injection': of({ data: Buffer.from('1},"user":"root"') }),
    'bad_json: two values': of({ data: Buffer.from('1 2') }),
    'bad_json: nothing': of({ data: Buffer.alloc(0) }),
    'bad_json: invalid UTF-8': of({ data: Buffer.from([0x22, 0xff, 0x22]) }),
    'bad_json: a byte order mark': of({ data: Buffer.from('\ufeff1') }),
    'bad_json: with a forged origin': of({ data: Buffer.from('}'), origin: Buffer.alloc(16, 1) }),
    'bad_event: a number of no session': of({ pub: 1 }),
    'too_large: for outbound': of({ data: Buffer.from(`"${'x'.repeat(2 * 1_048_576 - 500)}"`) }),
  };
  for (const [name, make] of Object.entries(cases)) {
    test(name, async () => {
      const stream = new MemoryStream();
      const reason = name.split(':')[0];
      stream.publish(inboundEvent());
      const [value, recordKey] = make(stream);
      stream.write(p0, value, recordKey);
      stream.publish(inboundEvent());
      await running.start(stream, 'a');
      await sound(stream);
      expect(answers(stream)).toEqual([1, `poison ${reason}`, 2]);
      await until(() => expect(letters(stream)).toEqual([`0/1 ${reason}`]));
    });
  }
});

test('a record in the partition of another room is not sequenced', async () => {
  const stream = new MemoryStream({ partitions: 4 });
  await ready(await running.start(stream, 'a'));
  const right = partitionOf(Buffer.from('r'), 4);
  const wrong = ((right + 1) % 4) as Partition;
  stream.write(wrong, stream.codec.encodeInbound(inboundEvent()), Buffer.from('r'));
  await sound(stream);
  expect(answers(stream, wrong)).toEqual(['poison wrong_partition']);
  await until(() => expect(letters(stream)).toEqual([`${wrong}/0 wrong_partition`]));
});

test('the answer names who asked, as far as it could be read, and the letter holds the record', async () => {
  const stream = new MemoryStream();
  const id = session();
  const origin = Buffer.alloc(16, 3);
  const event = inboundEvent({ session: id, pub: 1, origin, data: Buffer.from('nonsense') });
  stream.publish(event);
  await running.start(stream, 'a');
  await sound(stream);
  expect(stream.judge(p0).accepted[0]?.answer).toMatchObject({
    room: 'r',
    user: 'alice',
    session: id,
    pub: 1,
    origin,
    reason: 'bad_json',
  });
  await until(() => expect(stream.deadLetters()).toHaveLength(1));
  const [letter] = stream.deadLetters();
  expect(letter).toMatchObject({ partition: 0, inbound: 0, key: Buffer.from('r') });
  expect(letter?.value).toEqual(stream.codec.encodeInbound(event));
});

test('the number of a poisoned publish is free for the next one', async () => {
  const stream = new MemoryStream();
  const id = session();
  stream.publish(inboundEvent({ session: id, pub: 1, data: Buffer.from('nonsense') }));
  stream.publish(inboundEvent({ session: id, pub: 1 }));
  await running.start(stream, 'a');
  await sound(stream);
  expect(answers(stream)).toEqual(['poison bad_json', 1]);
});

test('a letter that was not confirmed is written again, after the answer, and holds back what follows', async () => {
  const stream = new MemoryStream();
  let tries = 0;
  stream.cluster.onAppend = ({ topic }) => {
    if (topic !== stream.topics.deadletter) return undefined;
    expect(answers(stream)).toContain('poison empty');
    return ++tries < 3 ? 'not_appended' : undefined;
  };
  stream.write(p0, null, null);
  await running.start(stream, 'a');
  await until(() => expect(letters(stream)).toEqual(['0/0 empty']));
  expect(tries).toBe(3);
});

test('letters that a dead owner did not write are written by the next one, others are not repeated', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  stream.write(p0, null, null);
  await until(() => expect(letters(stream)).toHaveLength(1));
  stream.cluster.onAppend = ({ clientId, topic }) =>
    clientId === 'a' && topic === stream.topics.deadletter ? 'request_lost' : undefined;
  stream.write(p0, Buffer.from('x'), Buffer.from('k'));
  await sound(stream);
  stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: true });
  await ready(await running.start(stream, 'b'));
  await until(() => expect(letters(stream)).toEqual(['0/0 empty', '0/1 bad_avro']));
  expect(stream.deadLetters()[1]).toMatchObject({ key: Buffer.from('k'), value: Buffer.from('x') });
});

test('a letter of the same offset in a recreated inbound is another letter', async () => {
  const stream = new MemoryStream();
  await ready(await running.start(stream, 'a'));
  stream.write(p0, null, null);
  await until(() => expect(letters(stream)).toHaveLength(1));
  const log = stream.cluster.open('b');
  const options = { log, codec: stream.codec, topic: stream.topics.deadletter, logger: silentLog, metrics: noMetrics };
  const deadLetters = new DeadLetters(options);
  const { time } = stream.deadLetters()[0] ?? { time: 0 };
  expect([...(await deadLetters.present(p0, new Map([['0/0', time]]), () => true))]).toEqual(['0/0']);
  expect([...(await deadLetters.present(p0, new Map([['0/0', time + 1]]), () => true))]).toEqual([]);
});

test('a new owner repeats no letter, however many there are', async () => {
  const stream = new MemoryStream();
  for (let n = 0; n < 6_000; n++) stream.write(p0, Buffer.from('x'), null);
  await running.start(stream, 'a');
  await until(() => expect(stream.cluster.records(stream.topics.deadletter, p0)).toHaveLength(6_000));
  stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: true });
  await ready(await running.start(stream, 'b'));
  expect(stream.cluster.records(stream.topics.deadletter, p0)).toHaveLength(6_000);
}, 30_000);

describe('every letter fits the topic, whatever the record', () => {
  const LIMIT = 2 * 1_048_576;
  /** As a broker counts: keys, values and headers, and what it adds to each. */
  const sizeOf = ({ records }: AppendBatch) =>
    records.reduce((sum, { key, value, headers = {} }) => {
      const inHeaders = Object.entries(headers).reduce(
        (bytes, [name, text]) => bytes + name.length + text.length + 4,
        0,
      );
      return sum + (key?.length ?? 0) + (value?.length ?? 0) + inHeaders + 16;
    }, 70);
  /** Refuses batches as a broker does; the memory log looks at single records only. */
  function strictly(stream: MemoryStream) {
    const log = stream.cluster.open('a');
    const append = log.append.bind(log);
    log.append = async (topic, batches) => {
      const [batch] = batches;
      if (batch === undefined || topic !== stream.topics.deadletter || sizeOf(batch) <= LIMIT) {
        return append(topic, batches);
      }
      return [{ partition: batch.partition, status: 'refused', error: new RoomlogError('too_large') }];
    };
    return log;
  }

  test('many that fill a request to its limit', async () => {
    const stream = new MemoryStream();
    const { codec, topics } = stream;
    const letterBox = new DeadLetters({
      log: strictly(stream),
      codec,
      topic: topics.deadletter,
      logger: silentLog,
      metrics: noMetrics,
    });
    // One of these sizes fills the last place of a request but for a few bytes.
    for (let bytes = 20_880; bytes < 20_960; bytes += 10) {
      const record = { offset: bytes as Offset, timestamp: 1, key: null, value: Buffer.alloc(bytes) };
      const many = Array.from({ length: 100 }, () => ({ partition: p0, record, reason: 'empty', message: 'm' }));
      await letterBox.send(many, () => true);
    }
    expect(stream.deadLetters()).toHaveLength(800);
  });

  test.each([
    ['a value near the limit', 2_096_000, 3],
    ['a key that the letter holds twice', 1_000, 1_100_000],
    ['a value just below the limit', 2_095_500, 100],
  ])('%s', async (_, valueBytes, keyBytes) => {
    const stream = new MemoryStream();
    stream.write(p0, Buffer.alloc(valueBytes, 1), Buffer.alloc(keyBytes, 1));
    await running.start(stream, 'a', { log: strictly(stream) });
    await sound(stream);
    await until(() => expect(letters(stream)).toEqual(['0/0 bad_avro']));
  });
});

describe('a record whose schema is unknown here', () => {
  /** An inbound record of a schema that only the registry knows: the stock one with one more optional field. */
  function foreign(stream: MemoryStream, id: number): Buffer {
    const value = stream.codec.encodeInbound(inboundEvent());
    value.writeInt32BE(id, 1);
    return value;
  }

  test('waits while the registry can not be reached; other partitions, and what came before it, go on', async () => {
    const stream = new MemoryStream({ partitions: 2, sequencer: { schemaWaitMs: 50 } });
    const a = await running.start(stream, 'a');
    await ready(a);
    stream.registry.reachable = false;
    const room = 'r';
    const here = partitionOf(Buffer.from(room), 2);
    const other = ['a', 'b', 'c', 'd', 'e'].find((name) => partitionOf(Buffer.from(name), 2) !== here);
    stream.write(here, Buffer.from('poison'), null);
    stream.publish(inboundEvent({ room }));
    stream.write(here, foreign(stream, 77), Buffer.from(room));
    stream.publish(inboundEvent({ room }));
    stream.publish(inboundEvent({ room: other }));
    await until(() => expect(stream.registry.lookUps).toBeGreaterThan(2));
    expect(answers(stream, here)).toEqual(['poison bad_avro', 1]);
    await until(() => expect(letters(stream)).toEqual([`${here}/0 bad_avro`]));
    expect(answers(stream, (1 - here) as Partition)).toEqual([1]);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answers(stream, here)).toEqual(['poison bad_avro', 1]);
    expect(a.report().partitions[here]?.waitsFor).toBe('schema');
    stream.registry.schemas.set(77, stream.registry.cached.get(1) ?? '');
    stream.registry.reachable = true;
    await sound(stream);
    expect(answers(stream, here)).toEqual(['poison bad_avro', 1, 2, 3]);
  });

  test('is poison when the registry has not known it for long enough', async () => {
    const stream = new MemoryStream({ sequencer: { schemaWaitMs: 200 } });
    stream.write(p0, foreign(stream, 78), Buffer.from('r'));
    stream.publish(inboundEvent());
    const begun = performance.now();
    await running.start(stream, 'a');
    await sound(stream);
    expect(performance.now() - begun).toBeGreaterThan(200);
    expect(answers(stream)).toEqual(['poison schema_not_found', 1]);
  });

  test('is no poison yet when a registry that was away for long does not know it at first', async () => {
    const stream = new MemoryStream({ sequencer: { schemaWaitMs: 400 } });
    stream.registry.reachable = false;
    stream.write(p0, foreign(stream, 77), Buffer.from('r'));
    const a = await running.start(stream, 'a');
    await until(() => expect(a.report().partitions[0]?.waitsFor).toBe('schema'));
    await new Promise((resolve) => setTimeout(resolve, 500));
    stream.registry.reachable = true;
    const lookUps = stream.registry.lookUps;
    await until(() => expect(stream.registry.lookUps).toBeGreaterThan(lookUps));
    expect(a.report().partitions[0]?.waitsFor).toBe('schema');
    stream.registry.schemas.set(77, stream.registry.cached.get(1) ?? '');
    await sound(stream);
    expect(answers(stream)).toEqual([1]);
  });

  test('is poison at once when the schema is no Avro of ours', async () => {
    const stream = new MemoryStream();
    stream.registry.schemas.set(79, '{"type":"record","name":"Other","fields":[{"name":"x","type":"int"}]}');
    stream.write(p0, foreign(stream, 79), Buffer.from('r'));
    stream.publish(inboundEvent());
    await running.start(stream, 'a');
    await sound(stream);
    expect(answers(stream)).toEqual(['poison bad_avro', 1]);
  });
});

test('a record that the broker finds too large becomes poison, what was decided after it is decided again', async () => {
  const stream = new MemoryStream();
  stream.cluster.onAppend = ({ topic, batch }) => {
    const bytes = batch.records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    return topic === stream.topics.outbound && bytes > 3_000 ? 'refused' : undefined;
  };
  // The memory log says kafka_refused to that; a broker says too_large.
  const log = stream.cluster.open('a');
  const append = log.append.bind(log);
  log.append = async (topic, batches) => {
    const { RoomlogError } = await import('../../core/errors.ts');
    return (await append(topic, batches)).map((outcome) =>
      outcome.status === 'refused' ? { ...outcome, error: new RoomlogError('too_large') } : outcome,
    );
  };
  const id = session();
  for (let pub = 1; pub <= 30; pub++) stream.publish(inboundEvent({ session: id, pub }));
  stream.publish(inboundEvent({ data: Buffer.from(`"${'x'.repeat(4_000)}"`) }));
  for (let pub = 31; pub <= 60; pub++) stream.publish(inboundEvent({ session: id, pub }));
  await running.start(stream, 'a', { log });
  await sound(stream);
  expect(answers(stream).filter((answer) => typeof answer === 'number')).toHaveLength(60);
  await until(() => expect(letters(stream)).toEqual(['0/30 too_large']));
});
