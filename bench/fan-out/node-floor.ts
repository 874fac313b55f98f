/**
 * The least that Node can do between the topic and the sockets, of use to nobody: a record is not parsed, its bytes go out as they are behind a number that the
 * clients look at; what a fetch brought for a room is one buffer, written to the sockets' handles, past Node's streams. Fetches are a fixed time apart, so that
 * reading costs as little as it can, and writes come as close together as they can.
 */
import { Buffer } from 'node:buffer';
import type { Duplex } from 'node:stream';
import type { TailOptions } from '../../core/ports/event-log.ts';
import { DirectWrites } from '../../gateway/connection/direct-writes.ts';

/** FIN and the opcode of text, and a length in 16 bits (RFC 6455 §5.2): a record has 126 bytes and more. */
const HEADER = [0x81, 126];
const HEADER_BYTES = 4;

const nobody = { onTaken: () => {} };

/** @param rooms sockets by room @param windowMs between two fetches */
export function nodeFloor(
  rooms: ReadonlyMap<string, ReadonlySet<Duplex>>,
  windowMs: number,
): Pick<TailOptions, 'onRecords' | 'restMs'> {
  const direct = DirectWrites.open();
  if (direct === null) throw new Error('this Node has no direct writes');
  const seqs = new Map<string, number>();
  const windows = new Map<string, Buffer[]>();
  const flush = (): void => {
    for (const [room, frames] of windows) {
      const bytes = frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
      // What a socket does not take at once waits in libuv, in order.
      for (const socket of rooms.get(room) ?? []) direct.write(socket, bytes, nobody);
    }
    windows.clear();
  };
  return {
    restMs: () => windowMs,
    onRecords: (_partition, records) => {
      for (const { key, value } of records) {
        // Claims have no room.
        if (key === null || value === null) continue;
        const room = key.toString('latin1');
        const seq = (seqs.get(room) ?? 0) + 1;
        seqs.set(room, seq);
        const waiting = windows.get(room);
        if (waiting === undefined) windows.set(room, [frame(seq, value)]);
        else waiting.push(frame(seq, value));
      }
      if (windows.size > 0) setImmediate(flush);
    },
  };
}

function frame(seq: number, record: Buffer): Buffer {
  const number = `"seq":${seq},`;
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + number.length + record.length);
  bytes.set(HEADER);
  bytes.writeUInt16BE(bytes.length - HEADER_BYTES, HEADER.length);
  bytes.write(number, HEADER_BYTES, 'latin1');
  record.copy(bytes, HEADER_BYTES + number.length);
  return bytes;
}
