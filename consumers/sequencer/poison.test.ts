import { afterEach, describe, expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import { answers, letters } from '../../test/support/poisoned-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';

const p0 = 0 as Partition;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

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
