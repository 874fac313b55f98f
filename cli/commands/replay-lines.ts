/** How `roomlog replay` prints an event. */
import type { ReplayedEvent } from '../../consumers/replay/replay.ts';
import { printable } from '../output.ts';

export type ReplayFormat = 'json' | 'text';

/** One line, without its end. */
export function replayLine(format: ReplayFormat): (event: ReplayedEvent) => string {
  return format === 'json' ? jsonLine : textLine;
}

/** The event body of docs/protocol.md. The data's own bytes stand in it; line ends in JSON are only white space. */
function jsonLine({ room, seq, cursor, time, user, session, pub, event, contentType, data }: ReplayedEvent): string {
  const inSession = session === null ? '' : `,"session":${JSON.stringify(session)}`;
  const numbered = pub === null ? '' : `,"pub":${pub}`;
  // A cursor is base64url: nothing in it needs an escape.
  const head = `{"room":${JSON.stringify(room)},"seq":${seq},"cursor":"${cursor}","time":${time},"user":${JSON.stringify(user)}${inSession}${numbered},"event":${JSON.stringify(event)}`;
  if (contentType !== null) {
    return `${head},"contentType":${JSON.stringify(contentType)},"data":"${viewOf(data).toString('base64')}"}`;
  }
  return `${head},"data":${oneLine(textOf(data))}}`;
}

function textLine({ room, seq, time, user, event, contentType, data }: ReplayedEvent): string {
  const at = new Date(time).toISOString().slice(0, 23).replace('T', ' ');
  const shown = contentType === null ? textOf(data) : `(${data.byteLength} bytes of ${contentType})`;
  return printable(`${room} #${seq} ${at} ${user} ${event} ${oneLine(shown)}`);
}

const viewOf = (data: Uint8Array): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
const textOf = (data: Uint8Array): string => viewOf(data).toString('utf8');
const oneLine = (text: string): string => (/[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text);
