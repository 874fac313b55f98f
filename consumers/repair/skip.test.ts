/** A skip beside others who write: inbound that changes meanwhile, claims that come between, answers of Kafka that get lost. */
import { afterEach, expect, test } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import type { MemoryStream } from '../../test/support/memory-stream.ts';
import { answered, foreignClaim, Operator, p0, publish, running } from '../../test/support/repaired-stream.ts';

afterEach(() => running.stopAll());

test('writes nothing where more would be lost than was shown', async () => {
  const stream = await answered(40);
  publish(stream, 8);
  stream.cluster.trim(stream.topics.inbound, p0, 43 as Offset);
  const operator = new Operator(stream);
  const { plan, folded } = await operator.plan();
  stream.cluster.trim(stream.topics.inbound, p0, 46 as Offset);
  const result = await operator.write(plan, folded);
  expect(result).toMatchObject({ kind: 'changed', why: expect.stringContaining('40 to 45') });
  expect(stream.outbound(p0).filter(({ record }) => record.skipped !== null)).toEqual([]);
});

test('writes nothing where inbound was repaired meanwhile', async () => {
  const stream = await answered(40);
  const inbound = stream.cluster.partition(stream.topics.inbound, p0);
  const lost = inbound.slots.splice(25);
  const operator = new Operator(stream);
  const { plan, folded } = await operator.plan();
  inbound.slots.push(...lost);
  expect((await operator.write(plan, folded)).kind).toBe('changed');
  expect(stream.outbound(p0).filter(({ record }) => record.skipped !== null)).toEqual([]);
});

const isSkip = (stream: MemoryStream, value: Buffer | null | undefined): boolean => {
  const decoded = stream.codec.decodeOutbound(value as Buffer);
  return !('unknownSchema' in decoded) && decoded.skipped !== null;
};

test('a claim that comes between its own and the skip fences the skip; the next try goes through', async () => {
  const stream = await answered(40);
  stream.cluster.createTopic(stream.topics.inbound, 1);
  let fenced = 0;
  stream.cluster.onAppend = ({ clientId, batch }) => {
    if (clientId === 'operator' && isSkip(stream, batch.records[0]?.value) && fenced++ === 0) foreignClaim(stream);
    return undefined;
  };
  expect((await new Operator(stream).skip()).kind).toBe('skipped');
  const { accepted, stale, fault } = stream.judge(p0);
  expect({ stale, fault }).toEqual({ stale: 1, fault: null });
  expect(accepted.filter(({ skipped }) => skipped !== null)).toHaveLength(1);
});

test.each(['response_lost', 'request_lost', 'not_appended'] as const)(
  'with every first try %s it claims again or finds its record, and skips once',
  async (fault) => {
    const stream = await answered(40);
    stream.cluster.createTopic(stream.topics.inbound, 1);
    const tried = { claim: 0, skip: 0 };
    stream.cluster.onAppend = ({ clientId, batch }) => {
      if (clientId !== 'operator') return undefined;
      const kind = isSkip(stream, batch.records[0]?.value) ? 'skip' : 'claim';
      return tried[kind]++ === 0 ? fault : undefined;
    };
    expect((await new Operator(stream).skip()).kind).toBe('skipped');
    const { accepted, fault: found } = stream.judge(p0);
    expect(found).toBeNull();
    expect(accepted.filter(({ skipped }) => skipped !== null)).toHaveLength(1);
  },
);
