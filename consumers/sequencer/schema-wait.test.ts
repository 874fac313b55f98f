import { afterEach, describe, expect, test } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import { inboundEvent, MemoryStream } from '../../test/support/memory-stream.ts';
import { answers, letters } from '../../test/support/poisoned-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';

const p0 = 0 as Partition;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

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
