import { afterEach, expect, test, vi } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import type { Sequencer } from './sequencer.ts';

const p0 = 0 as Partition;
const running: Sequencer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((sequencer) => sequencer.stop()));
});

async function started(stream: MemoryStream, name: string, options = {}): Promise<Sequencer> {
  const sequencer = stream.sequencer(name, options);
  running.push(sequencer);
  await sequencer.start();
  return sequencer;
}

const ready = (...sequencers: Sequencer[]) =>
  vi.waitFor(() => expect(sequencers.map((one) => one.notReady())).toEqual(sequencers.map(() => null)), 5_000);

/** Waits until every inbound record was answered; then nothing may be wrong. */
async function sound(stream: MemoryStream): Promise<void> {
  await vi.waitFor(() => {
    for (let number = 0; number < stream.partitions; number++) {
      expect(stream.anomalies(number as Partition)).toEqual([]);
    }
  }, 10_000);
}

test('answers each inbound record with the room’s next seq', async () => {
  const stream = new MemoryStream();
  await ready(await started(stream, 'a'));
  const id = session();
  for (let pub = 1; pub <= 3; pub++) stream.publish(inboundEvent({ session: id, pub }));
  stream.publish(inboundEvent({ session: id, pub: 2 }));
  await sound(stream);
  const { accepted } = stream.judge(p0);
  expect(accepted.map(({ event, answer }) => event?.seq ?? answer?.code)).toEqual([1, 2, 3, 'duplicate']);
});
