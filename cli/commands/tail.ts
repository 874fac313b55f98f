/** `roomlog tail ROOM`: follows a room through a gateway. */
import type { Command } from 'commander';
import type { JoinOptions } from '../../client/index.ts';
import { parseCount, parseTime } from '../duration.ts';
import { usageError } from '../exit.ts';
import { openClient } from '../gateway-client.ts';
import { globalOptions } from '../globals.ts';
import { createOutput } from '../output.ts';

interface TailOptions {
  readonly from: string;
  readonly count?: string;
  readonly user: string;
}

export function define(command: Command): void {
  command
    .argument('<room>')
    .option('--from <where>', 'live, start, last:N, cursor:C or time:ISO', 'live')
    .option('--count <n>', 'end after so many events')
    .option('--user <name>', 'subject of the token that is made for the local stack', 'cli')
    .action(async (room: string, _own: unknown, self: Command) => {
      const options: TailOptions = self.optsWithGlobals();
      const globals = globalOptions(self.optsWithGlobals());
      const output = createOutput(globals.output);
      const start = parseFrom(options.from);
      let left = options.count === undefined ? Number.POSITIVE_INFINITY : parseCount('--count', options.count);
      const client = await openClient(globals, { room, user: options.user, say: output.say });
      const done = Promise.withResolvers<void>();
      // Whoever waits for it sees its rejection; before that, `join` rejects as well.
      done.promise.catch(() => {});
      process.on('SIGINT', () => done.resolve());
      process.on('SIGTERM', () => done.resolve());
      client.on('state', (state) => {
        if (state.state !== 'closed') return;
        if (state.error) done.reject(state.error);
        else done.resolve();
      });
      await client.join(room, {
        ...start,
        onEvent: (event) => {
          if (left <= 0) return;
          output.event(event);
          left -= 1;
          if (left === 0) done.resolve();
        },
        onGap: (gap) => output.gap(gap),
        onEnd: (error) => done.reject(error),
      });
      await done.promise;
      await client.close();
    });
}

/** `--from` as the fields of a join. */
export function parseFrom(text: string): Pick<JoinOptions, 'after' | 'last' | 'since'> {
  const [kind, ...rest] = text.split(':');
  const value = rest.join(':');
  if (kind === 'live' && value === '') return {};
  if (kind === 'start' && value === '') return { after: 'start' };
  if (kind === 'cursor' && value !== '') return { after: value };
  if (kind === 'last') return { last: parseCount('--from last:', value) };
  if (kind === 'time') return { since: parseTime(value) };
  throw usageError(`--from is live, start, last:N, cursor:C or time:ISO, not ${text}.`);
}
