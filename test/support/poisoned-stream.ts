/** What became of a partition's inbound records, in the order of outbound, and the dead letters of all. */
import type { Partition } from '../../core/ids.ts';
import type { MemoryStream } from './memory-stream.ts';

/** Seqs of events; code and reason of answers. */
export const answers = (stream: MemoryStream, partition = 0 as Partition) =>
  stream.judge(partition).accepted.map(({ event, answer }) => event?.seq ?? `${answer?.code} ${answer?.reason ?? ''}`);

/** Place and reason of each. */
export const letters = (stream: MemoryStream) =>
  stream.deadLetters().map(({ partition, inbound, reason }) => `${partition}/${inbound} ${reason}`);
