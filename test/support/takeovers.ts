/** What tests of sequencers that follow each other share: sequencers that end after each test, and words for what they write. */
import { afterEach } from 'vitest';
import type { AppendTry } from '../../adapters/memory/memory-brokers.ts';
import type { Partition } from '../../core/ids.ts';
import { inboundEvent, type MemoryStream, session } from './memory-stream.ts';
import { RunningSequencers } from './running-sequencers.ts';

export const p0 = 0 as Partition;
export const running = new RunningSequencers();
afterEach(() => running.stopAll());

export function numbered(stream: MemoryStream, count: number, id = session()): void {
  for (let pub = 1; pub <= count; pub++) stream.publish(inboundEvent({ session: id, pub, room: `room-${pub % 3}` }));
}

export const isData = (stream: MemoryStream, { topic, batch }: AppendTry): boolean => {
  const [first] = batch.records;
  if (topic !== stream.topics.outbound || !first?.value) return false;
  const record = stream.codec.decodeOutbound(first.value);
  return 'claim' in record && record.claim === null;
};
