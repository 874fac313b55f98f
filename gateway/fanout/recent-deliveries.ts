/**
 * After a network cut many members come back with the same position: what the first of them was given is kept for the others as the bytes that were
 * written, and found by what a member has, before anything is read for it. Bytes alone: events and frames kept as objects are what V8's young generation
 * would copy over and over. Members come in no order of rooms, so it pays only while it holds what all rooms' members are behind: with less, each would
 * find that its own was let go for others'.
 */
import type { Buffer } from 'node:buffer';
import type { Offset, Partition, RoomId, Seq } from '../../core/ids.ts';
import type { EventEncoding, Sink } from '../stream.ts';

/** What a kept delivery takes beside its bytes, about. */
const OVERHEAD_BYTES = 300;

/** How a member takes its events. */
export type Form = Pick<Sink, 'encoding' | 'batch' | 'deflate'>;

/** Consecutive events of a room, in at least one form. */
export interface Written {
  readonly room: RoomId;
  readonly partition: Partition;
  /** The seq before its first event. */
  readonly after: number;
  readonly last: Seq;
  /** Behind its last event. */
  readonly next: Offset;
  readonly count: number;
}

interface Kept extends Written {
  readonly forms: Array<{ encoding: EventEncoding; batch: boolean; isDeflated: boolean; bytes: Buffer }>;
  bytes: number;
}

export class RecentDeliveries {
  readonly #limitBytes: number;
  /** By room and the seq before the first event. */
  readonly #rooms = new Map<RoomId, Map<number, Kept>>();
  /** Oldest first. */
  readonly #all = new Set<Kept>();
  #bytes = 0;
  #generation = 0;

  /** @param limitBytes kept, about */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Changes when something is forgotten: what was read before that is not to be kept after it. */
  get generation(): number {
    return this.#generation;
  }

  /** What a member who has the room's events up to `seq` gets next. */
  after(room: RoomId, seq: number, form: Form): { readonly written: Written; readonly bytes: Buffer } | null {
    const written = this.#rooms.get(room)?.get(seq);
    const bytes = written === undefined ? undefined : bytesIn(written, form);
    return written === undefined || bytes === undefined ? null : { written, bytes };
  }

  /** @param generation as it was before the events were read */
  keep(written: Written, form: Form, bytes: Buffer, generation: number): void {
    if (generation !== this.#generation) return;
    const known = this.#rooms.get(written.room)?.get(written.after);
    const isSame = known !== undefined && known.last === written.last;
    if (known !== undefined && !isSame) this.#drop(known);
    const kept: Kept = isSame ? known : this.#place({ ...written, forms: [], bytes: 0 });
    if (bytesIn(kept, form) !== undefined) return;
    kept.forms.push({ encoding: form.encoding, batch: form.batch, isDeflated: form.deflate !== null, bytes });
    kept.bytes += bytes.length;
    this.#bytes += bytes.length;
    for (const oldest of this.#all) {
      if (this.#bytes <= this.#limitBytes) break;
      this.#drop(oldest);
    }
  }

  /** What was read of the partition is not believed any more. */
  forget(partition: Partition): void {
    this.#generation += 1;
    for (const kept of [...this.#all]) if (kept.partition === partition) this.#drop(kept);
  }

  #place(kept: Kept): Kept {
    const ofRoom = this.#rooms.get(kept.room) ?? new Map<number, Kept>();
    this.#rooms.set(kept.room, ofRoom);
    ofRoom.set(kept.after, kept);
    this.#all.add(kept);
    kept.bytes = OVERHEAD_BYTES;
    this.#bytes += OVERHEAD_BYTES;
    return kept;
  }

  #drop(kept: Kept): void {
    this.#all.delete(kept);
    this.#bytes -= kept.bytes;
    const ofRoom = this.#rooms.get(kept.room);
    ofRoom?.delete(kept.after);
    if (ofRoom?.size === 0) this.#rooms.delete(kept.room);
  }
}

function bytesIn({ forms }: Kept, { encoding, batch, deflate }: Form): Buffer | undefined {
  for (const form of forms) {
    if (form.encoding === encoding && form.batch === batch && form.isDeflated === (deflate !== null)) return form.bytes;
  }
  return undefined;
}
