/** `roomlog replay`: past events straight from Kafka, as the fold has them. */
import type { Command } from 'commander';
import type { ReplayedEvent, ReplayFrom } from '../../consumers/replay/replay.ts';
import { checkRoom, topicsOf } from '../../core/names.ts';
import { addConfigOptions } from '../config.ts';
import { parseCount, parseTime } from '../duration.ts';
import { usageError } from '../exit.ts';
import { globalOptions } from '../globals.ts';
import { printable, written } from '../output.ts';
import { openLog, readServicesConfig } from '../services.ts';
import { roomFilter } from './rooms.ts';

interface ReplayOptions {
  readonly room?: string;
  readonly pattern?: string;
  readonly from: string;
  readonly to?: string;
  readonly count?: string;
}

export function define(command: Command): void {
  addConfigOptions(command)
    .option('--room <room>', 'one room')
    .option('--pattern <pattern>', 'all rooms that match: * for any characters but /, ** for any')
    .option('--from <where>', 'start, time:ISO, or (with --room) cursor:C', 'start')
    .option('--to <where>', 'time:ISO; without it, to what the log holds now')
    .option('--count <n>', 'end after so many events')
    .action(async (_options: unknown, self: Command) => {
      const options: ReplayOptions = self.optsWithGlobals();
      const globals = globalOptions(self.optsWithGlobals());
      if ((options.room === undefined) === (options.pattern === undefined)) {
        throw usageError('Give either --room or --pattern.');
      }
      const from = parseFrom(options.from);
      if (from.kind === 'cursor' && options.room === undefined) throw usageError('A cursor needs --room.');
      const toMs = options.to === undefined ? undefined : parseTo(options.to);
      let left = options.count === undefined ? Number.POSITIVE_INFINITY : parseCount('--count', options.count);
      const rooms = options.room === undefined ? await roomFilter(options.pattern) : checkRoom(options.room);
      const { config } = readServicesConfig(self, globals);
      const { log, codec } = await openLog(config);
      const { replay } = await import('../../consumers/replay/replay.ts');
      const topics = topicsOf(config.stream.prefix);
      const line = globals.output === 'json' ? jsonLine : textLine;
      for await (const event of replay({ log, codec, topics, rooms, from, ...(toMs === undefined ? {} : { toMs }) })) {
        process.stdout.write(`${line(event)}\n`);
        await written();
        left -= 1;
        if (left <= 0) break;
      }
      await log.close();
    });
}

function parseFrom(text: string): ReplayFrom {
  if (text === 'start') return { kind: 'start' };
  if (text.startsWith('time:')) return { kind: 'time', timeMs: parseTime(text.slice(5)) };
  if (text.startsWith('cursor:') && text.length > 7) return { kind: 'cursor', cursor: text.slice(7) };
  throw usageError(`--from is start, time:ISO or cursor:C, not ${text}.`);
}

function parseTo(text: string): number {
  if (!text.startsWith('time:')) throw usageError(`--to is time:ISO, not ${text}.`);
  return parseTime(text.slice(5));
}

/** The event body of docs/protocol.md. The data's own bytes stand in it; line ends in JSON are only white space. */
function jsonLine({ room, seq, cursor, time, user, session, pub, event, contentType, data }: ReplayedEvent): string {
  const numbered = { ...(session === null ? {} : { session }), ...(pub === null ? {} : { pub }) };
  const head = JSON.stringify({ room, seq, cursor, time, user, ...numbered, event }).slice(0, -1);
  if (contentType !== null) {
    return `${head},"contentType":${JSON.stringify(contentType)},"data":"${Buffer.from(data).toString('base64')}"}`;
  }
  return `${head},"data":${Buffer.from(data)
    .toString('utf8')
    .replace(/[\r\n]+/g, ' ')}}`;
}

function textLine({ room, seq, time, user, event, contentType, data }: ReplayedEvent): string {
  const at = new Date(time).toISOString().slice(0, 23).replace('T', ' ');
  const shown =
    contentType === null ? Buffer.from(data).toString('utf8') : `(${data.byteLength} bytes of ${contentType})`;
  return printable(`${room} #${seq} ${at} ${user} ${event} ${shown.replace(/[\r\n]+/g, ' ')}`);
}
