/** The keys of the snapshots topic: `<partition>/<offset>/<chunk number>`, and `<partition>/<offset>/manifest`. */
import type { Offset, Partition } from '../../core/ids.ts';

export const MANIFEST = 'manifest';

export interface SnapshotKey {
  readonly offset: Offset;
  /** A chunk's number, or null for the manifest. */
  readonly chunk: number | null;
}

export function snapshotKey(partition: Partition, offset: Offset, chunk: number | null): Buffer {
  return Buffer.from(`${partition}/${offset}/${chunk ?? MANIFEST}`, 'latin1');
}

const PATTERN = /^(\d{1,10})\/(\d{1,16})\/(manifest|\d{1,7})$/;

/** null for what is no key of this partition's snapshots. */
export function parseSnapshotKey(partition: Partition, key: Buffer | null): SnapshotKey | null {
  const match = key === null ? null : PATTERN.exec(key.toString('latin1'));
  if (match === null || Number(match[1]) !== partition) return null;
  const offset = Number(match[2]);
  if (!Number.isSafeInteger(offset)) return null;
  return { offset: offset as Offset, chunk: match[3] === MANIFEST ? null : Number(match[3]) };
}
