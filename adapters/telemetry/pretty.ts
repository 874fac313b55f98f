/** Turns pino's JSON lines into text for people: `12:30:01.250 INFO  gateway  listening  port=7400`. */
import type { DestinationStream } from 'pino';

/** Fields that have a place of their own in a line. */
const PLACED = new Set(['level', 'time', 'name', 'msg', 'pid', 'hostname', 'err', 'error']);

export function prettyDestination(sink: DestinationStream): DestinationStream {
  return { write: (line) => sink.write(prettyLine(line)) };
}

/** One line, or several where an error has a stack. Never throws: what is no JSON is passed on. */
export function prettyLine(line: string): string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line);
  } catch {
    return line;
  }
  const time = String(fields.time).slice(11, 23);
  const level = String(fields.level).toUpperCase().padEnd(5);
  const rest = Object.entries(fields)
    .filter(([name]) => !PLACED.has(name))
    .map(([name, value]) => `${name}=${visible(typeof value === 'string' ? value : JSON.stringify(value))}`);
  const parts = [time, level, visible(String(fields.name)), visible(String(fields.msg ?? '')), ...rest];
  return `${parts.filter((part) => part !== '').join('  ')}\n${errorLines(fields.err ?? fields.error)}`;
}

/** Control characters as escapes: a value can't begin a line of its own or colour the terminal. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function errorLines(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { type, code, message, stack, cause } = error as Record<string, unknown>;
  const head = `    ${visible([type, code, message].filter((part) => part !== undefined).join(' '))}\n`;
  const frames = String(stack ?? '')
    .split('\n')
    .filter((frame) => /^\s+at /.test(frame))
    .map((frame) => `      ${visible(frame.trim())}\n`);
  const why = cause === undefined ? '' : `    caused by\n${errorLines(cause)}`;
  return head + frames.join('') + why;
}
