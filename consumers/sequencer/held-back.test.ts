import { describe, expect, test } from 'vitest';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import type { AppendBatch, AppendOutcome } from '../../core/ports/event-log.ts';
import { MemoryStream } from '../../test/support/memory-stream.ts';
import { movableClock } from '../../test/support/movable-clock.ts';
import { ready, sound, until } from '../../test/support/running-sequencers.ts';
import { numbered, p0, running } from '../../test/support/takeovers.ts';

describe('what waits on its way out, for a connection or for other batches, is not sent', () => {
  /** A log whose appends wait until told to go on, as they do while a leader is looked for. */
  class SlowLog extends MemoryLog {
    goOn: Promise<unknown> = Promise.resolve();
    waiting = 0;
    override async append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
      this.waiting++;
      await this.goOn;
      this.waiting--;
      return super.append(topic, batches);
    }
  }

  async function waiting(clock = movableClock()) {
    const stream = new MemoryStream({ clock });
    const log = new SlowLog(stream.cluster, 'a');
    const a = await running.start(stream, 'a', { log });
    await ready(a);
    const { promise, resolve } = Promise.withResolvers<void>();
    log.goOn = promise;
    numbered(stream, 10);
    await until(() => expect(log.waiting).toBe(1));
    let sends = 0;
    stream.cluster.onAppend = ({ clientId }) => {
      if (clientId === 'a') sends++;
      return undefined;
    };
    return { stream, log, clock, resolve, sends: () => sends };
  }

  test('once the last heartbeat is older than the session time-out', async () => {
    const { stream, log, clock, resolve, sends } = await waiting();
    stream.member('a')?.freeze();
    clock.advance(501);
    resolve();
    await until(() => expect(log.waiting).toBe(0));
    await new Promise((settled) => setTimeout(settled, 150));
    expect(sends()).toBe(0);
    stream.member('a')?.thaw();
    await sound(stream);
  });

  test('once the group took the partition away', async () => {
    const { stream, log, resolve, sends } = await waiting();
    stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: true });
    resolve();
    await until(() => expect(log.waiting).toBe(0));
    await new Promise((settled) => setTimeout(settled, 150));
    expect(sends()).toBe(0);
    await running.start(stream, 'b');
    await sound(stream);
    expect(stream.judge(p0).stale).toBe(0);
  });

  test('once a later claim was read', async () => {
    const { stream, log, resolve } = await waiting();
    stream.member('a')?.freeze();
    const own = stream.cluster.records(stream.topics.outbound, p0).at(-1);
    stream.cluster.write(stream.topics.outbound, p0, { value: own?.value ?? null });
    await new Promise((settled) => setTimeout(settled, 150));
    resolve();
    await until(() => expect(log.waiting).toBe(0));
    stream.member('a')?.thaw();
    await sound(stream);
    expect(stream.judge(p0).stale).toBe(0);
  });

  test('a claim, once the last heartbeat is older than the session time-out', async () => {
    const clock = movableClock();
    const stream = new MemoryStream({ clock });
    const log = new SlowLog(stream.cluster, 'a');
    const { promise, resolve } = Promise.withResolvers<void>();
    log.goOn = promise;
    const a = await running.start(stream, 'a', { log });
    await until(() => expect(log.waiting).toBe(1));
    stream.member('a')?.freeze();
    clock.advance(501);
    resolve();
    await until(() => expect(log.waiting).toBe(0));
    await new Promise((settled) => setTimeout(settled, 150));
    expect(stream.judge(p0).claims).toHaveLength(0);
    stream.member('a')?.thaw();
    await ready(a);
  });
});
