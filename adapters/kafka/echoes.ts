/**
 * Batches that this process appended to a topic and has not read back yet. A broker keeps a batch as it was sent but for a few fields of its header, so one that comes
 * back is told by comparing bytes, and its records are the very ones that were appended: nothing is decoded, nothing is made anew, and what was
 * kept of them to be compared is the same object. Whatever differs is decoded like any other batch.
 *
 *     12 partitionLeaderEpoch, 17 crc                     the broker's
 *     21 attributes, 35 maxTimestamp                      the broker's where it stamps with its own time; proven by the checksum
 *     23 lastOffsetDelta, 27 baseTimestamp, 43 …          as they were sent
 */
import type { Partition } from '../../core/ids.ts';
import type { AppendRecord } from '../../core/ports/event-log.ts';
import { crc32cOfChanged } from './wire/crc32c-changed.ts';

/** Of a partition: as many as a sequencer has out, and a retry. */
const MAX_BATCHES = 4;
const LENGTH_AT = 8;
const CRC_AT = 17;
const CHECKED_FROM = 21;
const BASE_TIME_END = 35;
/** From here to its end a batch is as it was sent. */
const SAME_FROM = 43;

interface Sent {
  /** As encoded. */
  readonly batch: Buffer;
  readonly records: readonly AppendRecord[];
}

export class Echoes {
  readonly #sent = new Map<Partition, Sent[]>();

  /** Before it leaves: it may be read before it is answered for. */
  note(partition: Partition, batch: Buffer, records: readonly AppendRecord[]): void {
    const sent = this.#sent.get(partition) ?? [];
    sent.push({ batch, records });
    if (sent.length > MAX_BATCHES) sent.shift();
    this.#sent.set(partition, sent);
  }

  forget(partition: Partition): void {
    this.#sent.delete(partition);
  }

  /** The records of the batch from `at` up to `end`, checksum included; null where it is none that was sent. Each is found once, and none that was sent before it after that. */
  take(partition: Partition, bytes: Buffer, at: number, end: number): readonly AppendRecord[] | null {
    const sent = this.#sent.get(partition);
    if (sent === undefined) return null;
    const found = sent.findIndex(({ batch }) => isEcho(batch, bytes, at, end));
    if (found < 0) return null;
    const [{ records }] = sent.splice(0, found + 1).slice(-1) as [Sent];
    return records;
  }
}

const difference = Buffer.alloc(SAME_FROM - CHECKED_FROM);

function isEcho(batch: Buffer, bytes: Buffer, at: number, end: number): boolean {
  if (batch.length !== end - at || batch.readInt32BE(LENGTH_AT) !== bytes.readInt32BE(at + LENGTH_AT)) return false;
  if (bytes.compare(batch, SAME_FROM, batch.length, at + SAME_FROM, end) !== 0) return false;
  if (bytes.compare(batch, CHECKED_FROM + 2, BASE_TIME_END, at + CHECKED_FROM + 2, at + BASE_TIME_END) !== 0)
    return false;
  for (let place = 0; place < difference.length; place++) {
    difference[place] = (batch[CHECKED_FROM + place] as number) ^ (bytes[at + CHECKED_FROM + place] as number);
  }
  const crc = crc32cOfChanged(batch.readUInt32BE(CRC_AT), difference, batch.length - SAME_FROM);
  // Else it was damaged on its way: whoever decodes it says so.
  return crc === bytes.readUInt32BE(at + CRC_AT);
}
