/**
 * A client's position in a room, as it travels with every event. base64url, without padding, of
 *
 *     | tag: 2 bytes                                        | varint     | varint |
 *     | sha256(streamId)[0..1] xor low 16 bits of murmur2(room) | offset + 1 | seq    |
 *
 * The tag keeps cursors of other streams and rooms out even where the position alone would prove itself: the first event of
 * any room that is its partition's first stands at offset 1 with seq 1.
 *
 * Varints are unsigned LEB128, of up to 2^53, in their shortest form. It is not signed: whoever resumes from it must
 * find an accepted record of that room and seq at that offset (or a claim, or offset -1 with seq 0). There is exactly one
 * text for each position.
 */
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { RoomlogError } from '../errors.ts';
import type { Offset, RoomId, Seq } from '../ids.ts';
import { murmur2OfRoom } from './partition.ts';

export interface CursorPosition {
  /** The event's outbound offset; a claim's where seq is 0; -1 for "before the first record". */
  readonly offset: Offset;
  readonly seq: Seq;
}

/** 2 of tag, twice 8 of varint: the longest there is. */
const MAX_CURSOR_BYTES = 18;
const MAX_CURSOR_CHARACTERS = 24;
const scratch = Buffer.allocUnsafeSlow(MAX_CURSOR_BYTES);

/** A process serves one stream, so remembering the last stream's half of the tag saves a hash for every event. */
let tagged = { streamId: '', bits: 0, known: false };

function tagOf(streamId: string, room: RoomId): number {
  if (!tagged.known || tagged.streamId !== streamId) {
    tagged = { streamId, bits: hash('sha256', streamId, 'buffer').readUInt16BE(0), known: true };
  }
  return tagged.bits ^ (murmur2OfRoom(room) & 0xffff);
}

/** Writes into the scratch buffer; returns the place behind it. Division, since shifts stop at 32 bits. */
function writeVarint(value: number, at: number): number {
  let rest = value;
  let position = at;
  while (rest >= 128) {
    scratch[position++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  scratch[position++] = rest;
  return position;
}

export function encodeCursor(streamId: string, room: RoomId, position: CursorPosition): string {
  scratch.writeUInt16BE(tagOf(streamId, room), 0);
  const end = writeVarint(position.seq, writeVarint(position.offset + 1, 2));
  return scratch.toString('base64url', 0, end);
}

/** Throws `cursor_invalid` for whatever `encodeCursor` would not have made for this stream and room. */
export function decodeCursor(streamId: string, room: RoomId, text: string): CursorPosition {
  if (typeof text !== 'string' || text.length > MAX_CURSOR_CHARACTERS) throw new RoomlogError('cursor_invalid');
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.byteLength < 4 || bytes.readUInt16BE(0) !== tagOf(streamId, room)) throw new RoomlogError('cursor_invalid');
  const numbers: number[] = [];
  let value = 0;
  let scale = 1;
  for (let at = 2; at < bytes.byteLength; at++) {
    const byte = bytes[at] as number;
    value += (byte & 127) * scale;
    scale *= 128;
    if (value > Number.MAX_SAFE_INTEGER) throw new RoomlogError('cursor_invalid');
    if (byte >= 128) continue;
    numbers.push(value);
    value = 0;
    scale = 1;
  }
  const [next, seq] = numbers;
  if (numbers.length !== 2 || next === undefined || seq === undefined) throw new RoomlogError('cursor_invalid');
  const position = { offset: (next - 1) as Offset, seq: seq as Seq };
  // One comparison refuses padding, stray characters, overlong varints and a last byte that goes on.
  if (encodeCursor(streamId, room, position) !== text) throw new RoomlogError('cursor_invalid');
  return position;
}
