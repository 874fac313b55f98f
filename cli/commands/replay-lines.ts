/** How `roomlog replay` prints an event. */
import type { ReplayedEvent } from '../../consumers/replay/replay.ts';
import type { LineBytes } from '../line-bytes.ts';
import { printable } from '../output.ts';

export type ReplayFormat = 'json' | 'text';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const [ROOM, SEQ, CURSOR, TIME, USER, SESSION, PUB, EVENT, CONTENT_TYPE, DATA, END] = [
  '{"room":',
  ',"seq":',
  ',"cursor":"',
  '","time":',
  ',"user":',
  ',"session":',
  ',"pub":',
  ',"event":',
  ',"contentType":',
  ',"data":',
  '}\n',
].map((text) => Buffer.from(text)) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
  Buffer,
  Buffer,
  Buffer,
  Buffer,
  Buffer,
  Buffer,
  Buffer,
];

/** Writes an event's line, and its end. */
export function replayLine(format: ReplayFormat): (into: LineBytes, event: ReplayedEvent) => void {
  return format === 'json' ? jsonLine : textLine;
}

/** The event body of docs/protocol.md. The data's own bytes stand in it; line ends in JSON are only white space. */
function jsonLine(
  into: LineBytes,
  { room, seq, streamId, offset, time, user, session, pub, event, contentType, data }: ReplayedEvent,
): void {
  into
    .raw(ROOM)
    .quoted(room)
    .raw(SEQ)
    .integer(seq)
    .raw(CURSOR)
    .cursor(streamId, room, { offset, seq })
    .raw(TIME)
    .integer(time)
    .raw(USER)
    .quoted(user);
  if (session !== null) into.raw(SESSION).quoted(session);
  if (pub !== null) into.raw(PUB).integer(pub);
  into.raw(EVENT).quoted(event);
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
