/**
 * A captured fold as records of the snapshots topic, and back. One chunk is filled, encoded and handed out at a time, so
 * that whoever writes can let the event loop turn between two of them.
 */
import type { Offset, RoomId, Seq } from '../../core/ids.ts';
import type { FoldCapture } from '../../core/log/capture.ts';
import type { Fold } from '../../core/log/fold.ts';
import type { SnapshotMark } from '../../core/log/snapshot.ts';
import type { ChunkKind, SnapshotRecord } from '../../core/log/snapshot-record.ts';
import type { Codec } from '../../schemas/codec.ts';

/**
 * A chunk is closed once it may have this many bytes; the entry that closes it adds a few KB. Small, since outbound batches of
 * the same process wait while one is sent, and so does the event loop while it is encoded.
 */
export const CHUNK_BYTES = 262_144;

/** A poison answer near the end of what was folded; see `RecentPoison` of the sequencer. */
export interface PoisonEntry {
  readonly inbound: Offset;
  /** ms. */
  readonly inboundTime: number;
  readonly reason: string;
  /** Bytes and records of accepted answers that follow it. */
  readonly bytesAfter: number;
  readonly recordsAfter: number;
}

export interface Chunk {
  readonly kind: ChunkKind;
  readonly value: Buffer;
  /** How many rooms, publishers, … it holds. */
  readonly entries: number;
}

type Bodies = Pick<SnapshotRecord, 'rooms' | 'publishers' | 'keys' | 'poison'>;

const NO_BODY: Bodies = { rooms: null, publishers: null, keys: null, poison: null };

const holeAsMinusOne = (number: number): number => (Number.isNaN(number) ? -1 : number);

/** With its length. */
const nameBytes = (name: string): number => Buffer.byteLength(name) + 3;
/** A number of up to 2^53, in zigzag form. */
const LONG_BYTES = 8;

/** Rooms first, so that who needs heads alone can stop reading after them. */
export function* chunksOf(codec: Codec, capture: FoldCapture, poison: readonly PoisonEntry[]): Generator<Chunk> {
  const { mark } = capture;
  const close = (kind: ChunkKind, body: Partial<Bodies>, entries: number): Chunk => ({
    kind,
    entries,
    value: codec.encodeSnapshot({ ...headOf(mark), manifest: null, ...NO_BODY, ...body }),
  });
  yield* filled(
    capture.rooms,
    () => ({ names: [] as string[], numbers: [] as number[] }),
    ({ names, numbers }, [room, seq, offset]) => {
      names.push(room);
      numbers.push(seq, offset);
      return nameBytes(room) + 2 * LONG_BYTES;
    },
    (rooms) => close('rooms', { rooms }, rooms.names.length),
  );
  if (capture.publishers !== null) {
    yield* filled(
      capture.publishers.publishers(),
      () => ({ names: [] as string[], last: [] as number[], windows: [] as Array<readonly number[]> }),
      ({ names, last, windows }, [name, state]) => {
        names.push(name);
        last.push(state.last);
        // Not copied: the chunk is encoded in the same turn.
        windows.push(state.window.some(Number.isNaN) ? state.window.map(holeAsMinusOne) : state.window);
        return nameBytes(name) + (state.window.length + 2) * LONG_BYTES;
      },
      (publishers) => close('publishers', { publishers }, publishers.names.length),
    );
    yield* filled(
      capture.publishers.keys(),
      () => ({ names: [] as string[], numbers: [] as number[] }),
      ({ names, numbers }, [name, { seq, offset, digest, time }]) => {
        names.push(name);
        numbers.push(seq, offset ?? -1, digest.hi, digest.lo, time);
        return nameBytes(name) + 5 * LONG_BYTES;
      },
      (keys) => close('keys', { keys }, keys.names.length),
    );
  }
  yield* filled(
    poison,
    () => ({ reasons: [] as string[], numbers: [] as number[] }),
    ({ reasons, numbers }, { inbound, inboundTime, reason, bytesAfter, recordsAfter }) => {
      reasons.push(reason);
      numbers.push(inbound, inboundTime, bytesAfter, recordsAfter);
      return nameBytes(reason) + 4 * LONG_BYTES;
    },
    (body) => close('poison', { poison: body }, body.reasons.length),
  );
}

export function headOf({ partition, offset }: SnapshotMark): Pick<SnapshotRecord, 'partition' | 'offset'> {
  return { partition, offset };
}

/** Adds a chunk's content to a fold made from the snapshot's mark; poison goes to `poison`. Heads alone where the fold has no publishers. */
export function restoreChunk(record: SnapshotRecord, fold: Fold, poison: PoisonEntry[]): void {
  record.rooms?.names.forEach((room, at) => {
    const { numbers } = record.rooms as NonNullable<SnapshotRecord['rooms']>;
    fold.heads.set(room as RoomId, numbers[2 * at] as Seq, numbers[2 * at + 1] as Offset);
  });
  const { publishers } = fold;
  if (publishers !== null) {
    record.publishers?.names.forEach((name, at) => {
      const { last, windows } = record.publishers as NonNullable<SnapshotRecord['publishers']>;
      const window = windows[at] as number[];
      for (let place = 0; place < window.length; place += 4) {
        if (window[place] !== -1) continue;
        window[place] = Number.NaN;
        window[place + 1] = Number.NaN;
      }
      publishers.restorePublisher(name, { last: last[at] as number, window });
    });
    record.keys?.names.forEach((name, at) => {
      const { numbers } = record.keys as NonNullable<SnapshotRecord['keys']>;
      const [seq, offset, hi, lo, time] = numbers.slice(5 * at, 5 * at + 5) as [number, number, number, number, number];
      publishers.restoreKey(name, { seq: seq as Seq, offset: offset as Offset, digest: { hi, lo }, time });
    });
  }
  record.poison?.reasons.forEach((reason, at) => {
    const { numbers } = record.poison as NonNullable<SnapshotRecord['poison']>;
    const [inbound, inboundTime, bytesAfter, recordsAfter] = numbers.slice(4 * at, 4 * at + 4) as [
      Offset,
      number,
      number,
      number,
    ];
    poison.push({ inbound, inboundTime, reason, bytesAfter, recordsAfter });
  });
}

/** Entries one after the other into bodies that hold about `CHUNK_BYTES` each. `add` answers with the bytes that it added at most. */
function* filled<Entry, Body>(
  entries: Iterable<Entry>,
  empty: () => Body,
  add: (body: Body, entry: Entry) => number,
  close: (body: Body) => Chunk,
): Generator<Chunk> {
  let body: Body | null = null;
  let bytes = 0;
  for (const entry of entries) {
    body ??= empty();
    bytes += add(body, entry);
    if (bytes < CHUNK_BYTES) continue;
    yield close(body);
    body = null;
    bytes = 0;
  }
  if (body !== null) yield close(body);
}
