import { describe, expect, test } from 'vitest';
import { Chain } from '../../core/log/chain.ts';
import { MemoryStream } from '../../test/support/memory-stream.ts';
import { ready, sound, until } from '../../test/support/running-sequencers.ts';

import { isData, numbered, p0, running } from '../../test/support/takeovers.ts';

describe('the judge of these tests', () => {
  class NoChainCheck extends Chain {
    constructor() {
      super(true, true);
    }
    override verdictOn(...[offset, record]: Parameters<Chain['verdictOn']>) {
      const verdict = super.verdictOn(offset, record);
      return verdict.kind === 'repeat' ? ({ kind: 'accepted' } as const) : verdict;
    }
  }
  class NoEpochCheck extends Chain {
    constructor() {
      super(true, true);
    }
    override verdictOn(...[offset, record]: Parameters<Chain['verdictOn']>) {
      const verdict = super.verdictOn(offset, record);
      return verdict.kind === 'stale' ? ({ kind: 'accepted' } as const) : verdict;
    }
  }

  test('sees a fold without the chain check repeat events', async () => {
    const stream = new MemoryStream({ sequencer: { batchBytes: 1_000 } });
    await ready(await running.start(stream, 'a'));
    let tries = 0;
    const late = Promise.withResolvers<void>();
    // The retry overtakes the first try, which then lands behind later batches.
    stream.cluster.onAppend = (attempt) => {
      if (!isData(stream, attempt)) return undefined;
      tries++;
      return tries === 1 ? 'response_lost' : undefined;
    };
    numbered(stream, 10);
    await sound(stream);
    const [, , first] = stream.cluster.records(stream.topics.outbound, p0);
    stream.cluster.write(stream.topics.outbound, p0, { value: first?.value ?? null, key: first?.key ?? null });
    late.resolve();
    expect(stream.judge(p0).repeats).toBeGreaterThan(0);
    expect(stream.anomalies(p0)).toEqual([]);
    expect(stream.anomalies(p0, new NoChainCheck())).not.toEqual([]);
  });

  test('sees a fold without the epoch check believe a zombie', async () => {
    const stream = new MemoryStream();
    const a = await running.start(stream, 'a');
    await ready(a);
    const awake = Promise.withResolvers<void>();
    stream.cluster.onAppend = (attempt) => (attempt.clientId === 'a' ? { hold: awake.promise } : undefined);
    numbered(stream, 5);
    await until(() => expect(a.report().partitions[0]?.lagRecords).toBe(5));
    stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: false });
    await ready(await running.start(stream, 'b'));
    await sound(stream);
    awake.resolve();
    await until(() => expect(stream.judge(p0).stale).toBe(5));
    expect(stream.anomalies(p0)).toEqual([]);
    expect(stream.anomalies(p0, new NoEpochCheck())).not.toEqual([]);
  });
});
