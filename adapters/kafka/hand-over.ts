/** One partition's answer on its way to the tail's user, slice by slice. */
import { setImmediate as turn } from 'node:timers/promises';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { BatchFault } from './wire/batch-header.ts';
import type { BatchDecoder, DecodedSlice } from './wire/decode-batches.ts';

export interface Receiver {
  /** Whether the partition is still read from here on; what is left of the answer is dropped once it is not. */
  isWanted(): boolean;
  /** A returned promise holds the next slice back. */
  take(slice: DecodedSlice): void | Promise<void>;
}

/**
 * At once where the answer is one slice. Else each slice comes once the one before is settled and the event loop had its turn. Throws,
 * or rejects with, what the decoder or the receiver does.
 */
export function handOver(decoder: BatchDecoder, receiver: Receiver): void | Promise<void> {
  const slice = decoder.slice();
  if (!(slice instanceof Promise) && !slice.more) return receiver.take(slice);
  return handOverBySlices(decoder, slice, receiver);
}

async function handOverBySlices(
  decoder: BatchDecoder,
  first: DecodedSlice | Promise<DecodedSlice>,
  { isWanted, take }: Receiver,
): Promise<void> {
  let slice = await first;
  while (isWanted()) {
    await take(slice);
    if (!slice.more) return;
    await turn();
    if (!isWanted()) return;
    slice = await decoder.slice();
  }
}

/** What was thrown on the way, as an error of the table. */
export function handOverError(topic: string, partition: Partition, thrown: unknown): RoomlogError {
  if (thrown instanceof RoomlogError) return thrown;
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  const details = { topic, partition, ...(thrown instanceof BatchFault && { offset: thrown.offset }) };
  return new RoomlogError('corrupt_record', `${topic}[${partition}]: ${reason}.`, { cause: thrown, details });
}
