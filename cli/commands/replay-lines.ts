/** How `roomlog replay` prints an event. */
import type { ReplayedEvent } from '../../consumers/replay/replay.ts';
import type { LineBytes } from '../line-bytes.ts';
import { printable } from '../output.ts';

export type ReplayFormat = 'json' | 'text';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const [CURSOR, TIME, USER, PUB, CONTENT_TYPE, DATA, END] = [
  ',"cursor":"',
  '","time":',
  ',"user":',
  ',"pub":',
  ',"contentType":',
  ',"data":',
  '}\n',
].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer, Buffer, Buffer, Buffer, Buffer];

/** Pieces that are kept, of each kind: those of so many names at most. */
const MAX_PIECES = 16_384;

/** Pieces of lines that come again and again, by a name that stands in them: to copy one is less work than to put it together. */
class Pieces<Piece> {
  readonly #made = new Map<string, Piece>();

  get(name: string): Piece | undefined {
    return this.#made.get(name);
  }

  keep(name: string, piece: Piece): Piece {
    if (this.#made.size >= MAX_PIECES) this.#made.clear();
    this.#made.set(name, piece);
    return piece;
  }
}

const rooms = new Pieces<Buffer>();
const publishers = new Pieces<{ readonly user: string; readonly bytes: Buffer }>();
const events = new Pieces<Buffer>();

function roomPiece(room: string): Buffer {
  return rooms.get(room) ?? rooms.keep(room, Buffer.from(`{"room":${JSON.stringify(room)},"seq":`));
}

/** Any producer may say that a session is another user's. */
function publisherPiece(user: string, session: string): Buffer {
  const known = publishers.get(session);
  if (known !== undefined && known.user === user) return known.bytes;
  const bytes = Buffer.from(`,"user":${JSON.stringify(user)},"session":${JSON.stringify(session)}`);
  return publishers.keep(session, { user, bytes }).bytes;
}

function eventPiece(event: string): Buffer {
  return events.get(event) ?? events.keep(event, Buffer.from(`,"event":${JSON.stringify(event)}`));
}

/** Writes an event's line, and its end. */
export function replayLine(format: ReplayFormat): (into: LineBytes, event: ReplayedEvent) => void {
  return format === 'json' ? jsonLine : textLine;
}

/** The event body of docs/protocol.md. The data's own bytes stand in it; line ends in JSON are only white space. */
function jsonLine(
  into: LineBytes,
  { room, seq, streamId, offset, time, user, session, pub, event, contentType, data }: ReplayedEvent,
): void {
  into.raw(roomPiece(room)).integer(seq).raw(CURSOR).cursor(streamId, room, { offset, seq }).raw(TIME).integer(time);
  if (session === null) into.raw(USER).quoted(user);
  else into.raw(publisherPiece(user, session));
  if (pub !== null) into.raw(PUB).integer(pub);
  into.raw(eventPiece(event));
  if (contentType !== null) {
    into.raw(CONTENT_TYPE).quoted(contentType).raw(DATA).quoted(viewOf(data).toString('base64')).raw(END);
    return;
  }
  into.raw(DATA);
  const isOneLine = data.indexOf(LINE_FEED) === -1 && data.indexOf(CARRIAGE_RETURN) === -1;
  if (isOneLine) into.raw(data);
  else into.text(oneLine(textOf(data)));
  into.raw(END);
}

function textLine(into: LineBytes, { room, seq, time, user, event, contentType, data }: ReplayedEvent): void {
  const at = new Date(time).toISOString().slice(0, 23).replace('T', ' ');
  const shown = contentType === null ? textOf(data) : `(${data.byteLength} bytes of ${contentType})`;
  into.text(`${printable(`${room} #${seq} ${at} ${user} ${event} ${oneLine(shown)}`)}\n`);
}

const viewOf = (data: Uint8Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const textOf = (data: Uint8Array): string => viewOf(data).toString('utf8');
const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ');
