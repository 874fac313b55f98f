import { afterEach, describe, expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { AppendBatch } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { MemoryStream } from '../../test/support/memory-stream.ts';
import { answers, letters } from '../../test/support/poisoned-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';
import { DeadLetters } from './dead-letters.ts';
import { noMetrics } from './metrics.ts';

const p0 = 0 as Partition;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

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
