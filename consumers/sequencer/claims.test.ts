import { describe, expect, test } from 'vitest';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { NO_EPOCH, NO_OFFSET, type Offset } from '../../core/ids.ts';
import type { AppendBatch, AppendOutcome } from '../../core/ports/event-log.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import { movableClock } from '../../test/support/movable-clock.ts';
import { ready, sound, until } from '../../test/support/running-sequencers.ts';
import { isData, numbered, p0, running } from '../../test/support/takeovers.ts';

test('answers a stray claim by one of its own, but only after a later heartbeat', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  numbered(stream, 5);
  await sound(stream);
  stream.member('a')?.freeze();
  const claim = stream.judge(p0).claims.at(-1)?.claim;
  const value = stream.codec.encodeOutbound({
    epoch: NO_EPOCH,
    inbound: NO_OFFSET,
    prevInbound: NO_OFFSET,
    inboundTime: 0,
    claim: { ...(claim as NonNullable<typeof claim>), nonce: Buffer.alloc(16, 7) },
    event: null,
    answer: null,
    skipped: null,
  });
  stream.cluster.write(stream.topics.outbound, p0, { value });
  await until(() => expect(a.report().partitions[0]?.state).toBe('fenced'));
  const claims = stream.judge(p0).claims.length;
  numbered(stream, 5);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(stream.judge(p0).claims).toHaveLength(claims);
  stream.member('a')?.thaw();
  await ready(a);
  await sound(stream);
});

test('stops on reading its own claim a second time, and claims anew', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  const own = stream.cluster.records(stream.topics.outbound, p0).at(-1);
  stream.cluster.write(stream.topics.outbound, p0, { value: own?.value ?? null });
  await until(() => expect(stream.judge(p0).claims).toHaveLength(4));
  numbered(stream, 5);
  await sound(stream);
});

test('ends a duel: two that both believe to own go on to one', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  // a misses its eviction, but its heartbeats seem to succeed for a while.
  stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: false });
  const ghost = running.start(stream, 'b');
  numbered(stream, 30);
  await ready(await ghost);
  await sound(stream);
  expect(stream.judge(p0).claims.length).toBeLessThan(10);
});

test('claims again with a new nonce when a claim was lost on its way', async () => {
  const clock = movableClock();
  const stream = new MemoryStream({ clock });
  const nonces = new Set<string>();
  let tries = 0;
  stream.cluster.onAppend = ({ batch }) => {
    const record = stream.codec.decodeOutbound(batch.records[0]?.value as Buffer);
    if (!('claim' in record) || record.claim === null) return undefined;
    nonces.add(Buffer.from(record.claim.nonce).toString('hex'));
    return ++tries <= 2 ? 'request_lost' : undefined;
  };
  const a = await running.start(stream, 'a');
  const moving = setInterval(() => clock.advance(1_000), 20);
  try {
    await ready(a);
  } finally {
    clearInterval(moving);
  }
  expect(nonces.size).toBe(tries);
  numbered(stream, 5);
  await sound(stream);
});

test('works where the answer to a claim was lost', async () => {
  const stream = new MemoryStream();
  let claims = 0;
  stream.cluster.onAppend = (attempt) => {
    if (isData(stream, attempt)) return undefined;
    return claims++ < 2 ? 'response_lost' : undefined;
  };
  await ready(await running.start(stream, 'a'));
  numbered(stream, 5);
  await sound(stream);
  // The one that names the stream and the one that carries the name: neither was sent twice.
  expect(stream.judge(p0).claims).toHaveLength(2);
});

describe('the epoch is where the claim is read', () => {
  /** A log whose produce answers name another offset than the one at which the record stands. */
  class LyingLog extends MemoryLog {
    override async append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
      const outcomes = await super.append(topic, batches);
      return outcomes.map((outcome) =>
        outcome.status === 'appended' ? { ...outcome, baseOffset: (outcome.baseOffset + 1_000) as Offset } : outcome,
      );
    }
  }

  test('whatever the produce answered', async () => {
    const stream = new MemoryStream();
    await ready(await running.start(stream, 'a', { log: new LyingLog(stream.cluster, 'a') }));
    numbered(stream, 10);
    await sound(stream);
  });

  test('and what earlier owners wrote before it is folded first', async () => {
    const stream = new MemoryStream();
    const a = await running.start(stream, 'a');
    await ready(a);
    const id = session();
    for (let pub = 1; pub <= 20; pub++) stream.publish(inboundEvent({ session: id, pub }));
    await sound(stream);
    stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: true });
    // Re-sent to the new owner, which knows them only if it folded all before its claim.
    for (let pub = 1; pub <= 21; pub++) stream.publish(inboundEvent({ session: id, pub }));
    await running.start(stream, 'b');
    await sound(stream);
    const { accepted } = stream.judge(p0);
    expect(accepted.filter(({ answer }) => answer?.code === 'duplicate')).toHaveLength(20);
    expect(accepted.filter(({ event }) => event !== null)).toHaveLength(21);
  });
});
