/** What commands print. stdout is for data, stderr for everything else. */
import { once } from 'node:events';
import type { Gap, RoomEvent } from '../client/index.ts';

export interface Output {
  /** One event: a line of text, or its body as JSON. */
  event(event: RoomEvent): void;
  gap(gap: Gap): void;
  /** One result that is no event: a line of text, or the object as JSON. */
  result(text: string, value: object): void;
  /** For people, always on stderr. */
  say(line: string): void;
}

export function createOutput(format: 'text' | 'json'): Output {
  const out = (line: string) => process.stdout.write(`${line}\n`);
  const say = (line: string) => process.stderr.write(`${printable(line)}\n`);
  const json = format === 'json';
  return {
    event: (event) => out(json ? JSON.stringify(body(event)) : printable(eventLine(event))),
    gap: ({ room, from, to, reason }) => say(`gap in ${room}: ${from} to ${to} can’t be had (${reason})`),
    result: (text, value) => out(json ? JSON.stringify(value) : printable(text)),
    say,
  };
}

function eventLine({ seq, time, user, event, data }: RoomEvent): string {
  const at = new Date(time).toISOString().slice(0, 23).replace('T', ' ');
  return `#${seq} ${at} ${user} ${event} ${JSON.stringify(data)}`;
}

/** The fields of docs/protocol.md, without `type` should a frame carry it. */
function body(event: RoomEvent & { type?: unknown }): object {
  const { type: _, ...rest } = event;
  return rest;
}

/** Control characters as escapes, so that nobody's event can play with a terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/g, (found) => {
    return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Resolves at once, or when a reader slower than us has taken what was printed. */
export async function written(): Promise<void> {
  if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
}
