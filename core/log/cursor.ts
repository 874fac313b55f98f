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
export const MAX_CURSOR_CHARACTERS = 24;
const scratch = Buffer.allocUnsafeSlow(MAX_CURSOR_BYTES);

/** A process serves one stream, so remembering the last stream's half of the tag saves a hash for every event. */
let tagged = { streamId: '', bits: 0, known: false };

function tagOf(streamId: string, room: RoomId): number {
  if (!tagged.known || tagged.streamId !== streamId) {
    tagged = { streamId, bits: hash('sha256', streamId, 'buffer').readUInt16BE(0), known: true };
  }
  return tagged.bits ^ (murmur2OfRoom(room) & 0xffff);
}

const TWO_31 = 2 ** 31;

/** Writes into the scratch buffer; returns the place behind it. Division, as long as shifts would stop at 32 bits. */
function writeVarint(value: number, at: number): number {
  let rest = value;
  let position = at;
  while (rest >= TWO_31) {
    scratch[position++] = (rest % 128) | 128;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    scratch[position++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  scratch[position++] = rest;
  return position;
}

const DIGITS = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');
const LOW_6 = 0x3f;

/**
 * Writes what `encodeCursor` gives as ASCII into `target`, of which `MAX_CURSOR_CHARACTERS` from `at` on must be there; returns the place
 * behind it. By hand, since every event has one: a fifth of what a call of Node's own encoder and a string take.
 */
export function writeCursor(
  target: Uint8Array,
  at: number,
  streamId: string,
  room: RoomId,
  { offset, seq }: CursorPosition,
): number {
  const tag = tagOf(streamId, room);
  scratch[0] = tag >>> 8;
  scratch[1] = tag;
  const end = writeVarint(seq, writeVarint(offset + 1, 2));
  let to = at;
  let from = 0;
  for (; from + 3 <= end; from += 3) {
    const three =
      ((scratch[from] as number) << 16) | ((scratch[from + 1] as number) << 8) | (scratch[from + 2] as number);
    target[to++] = DIGITS[three >>> 18] as number;
    target[to++] = DIGITS[(three >>> 12) & LOW_6] as number;
    target[to++] = DIGITS[(three >>> 6) & LOW_6] as number;
    target[to++] = DIGITS[three & LOW_6] as number;
  }
  if (from === end) return to;
  const two = ((scratch[from] as number) << 8) | (from + 1 < end ? (scratch[from + 1] as number) : 0);
  target[to++] = DIGITS[two >>> 10] as number;
  target[to++] = DIGITS[(two >>> 4) & LOW_6] as number;
  if (from + 1 < end) target[to++] = DIGITS[(two << 2) & LOW_6] as number;
  return to;
}

const characters = Buffer.allocUnsafeSlow(MAX_CURSOR_CHARACTERS);

export function encodeCursor(streamId: string, room: RoomId, position: CursorPosition): string {
  return characters.toString('latin1', 0, writeCursor(characters, 0, streamId, room, position));
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
