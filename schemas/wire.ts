/**
 * Confluent's wire format: what precedes every Avro record in Kafka.
 *
 *     byte  0        1       2       3       4        5 …
 *          +--------+-------+-------+-------+--------+----------------------+
 *          |  0x00  |  schema id, int32 big endian   |  Avro binary, whole  |
 *          +--------+-------+-------+-------+--------+----------------------+
 *           magic     1 to 2^31-1                      no length, no trailer
 */
import { RoomlogError } from '../core/errors.ts';

const MAGIC = 0;
export const HEADER_BYTES = 5;

/** The schema id of a record. Throws `corrupt_record` where this is no record in this format. */
export function schemaIdOf(record: Buffer): number {
  if (record.length < HEADER_BYTES) {
    throw new RoomlogError('corrupt_record', `A record of ${record.length} bytes is too short to name its schema.`);
  }
  if (record[0] !== MAGIC) {
    throw new RoomlogError(
      'corrupt_record',
      `A record begins with byte ${record[0]} instead of 0, so it is not in the schema registry's wire format.`,
    );
  }
  const id = record.readInt32BE(1);
  if (id < 1) throw new RoomlogError('corrupt_record', `A record names schema id ${id}; ids are positive.`);
  return id;
}

/** Writes magic byte and id at `at`, which must have `HEADER_BYTES` of room. */
export function writeHeader(into: Buffer, at: number, id: number): void {
  into[at] = MAGIC;
  into.writeInt32BE(id, at + 1);
}
