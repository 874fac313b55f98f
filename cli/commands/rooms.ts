/** `roomlog rooms`: every room's newest event, by folding outbound. */
import type { Command } from 'commander';
import type { ReplayedEvent } from '../../consumers/replay/replay.ts';
import type { Partition } from '../../core/ids.ts';
import { topicsOf } from '../../core/names.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import { addConfigOptions } from '../config.ts';
import { parseCount } from '../duration.ts';
import { usageError } from '../exit.ts';
import { globalOptions } from '../globals.ts';
import { openLog } from '../open-log.ts';
import { createOutput, written } from '../output.ts';
import { readServicesConfig } from '../services.ts';

type Head = Pick<ReplayedEvent, 'room' | 'seq' | 'time' | 'partition' | 'offset' | 'streamId'>;

const ORDERS = {
  name: (a: Head, b: Head) => (a.room < b.room ? -1 : 1),
  seq: (a: Head, b: Head) => b.seq - a.seq,
  time: (a: Head, b: Head) => b.time - a.time,
};

export function define(command: Command): void {
  addConfigOptions(command)
    .option('--pattern <pattern>', 'only rooms that match: * for any characters but /, ** for any')
    .option('--sort <by>', 'name, seq (most events first) or time (newest first)', 'name')
    .option('--count <n>', 'at most so many rooms')
    .action(async (_options: unknown, self: Command) => {
      const options: { pattern?: string; sort: string; count?: string } = self.optsWithGlobals();
      const globals = globalOptions(self.optsWithGlobals());
      const order = ORDERS[options.sort as keyof typeof ORDERS];
      if (!order) throw usageError(`--sort is name, seq or time, not ${options.sort}.`);
      const most = options.count === undefined ? undefined : parseCount('--count', options.count);
      const { config } = readServicesConfig(self, globals);
      const wanted = await roomFilter(options.pattern);
      const { log, codec } = await openLog(config);
      const [{ cursorOf, partitionEvents }, { findStart }] = await Promise.all([
        import('../../consumers/replay/partition-events.ts'),
        import('../../consumers/replay/start.ts'),
      ]);
      const heads = new Map<string, Head>();
      const topic = topicsOf(config.stream.prefix).outbound;
      const readPartition = async (partition: Partition, range: OffsetRange) => {
        const search = { log, codec, topic, partition, oldest: range.start };
        const start = await findStart(search, range.start, range.end);
        if (start === null) return;
        for await (const events of partitionEvents({ log, codec, topic, partition, start, to: range.end })) {
          for (const { room, seq, time, offset, streamId } of events) {
            if (wanted(room)) heads.set(room, { room, seq, time, partition, offset, streamId });
          }
        }
      };
      const ranges = await log.ranges(topic);
      await Promise.all([...ranges].map(([partition, range]) => readPartition(partition, range)));
      await log.close();
      const output = createOutput(globals.output);
      for (const head of [...heads.values()].sort(order).slice(0, most)) {
        const at = new Date(head.time).toISOString().slice(0, 19).replace('T', ' ');
        const { room, seq, time, partition } = head;
        output.result(`${room}  #${seq}  ${at}`, { room, seq, time, cursor: cursorOf(head), partition });
        await written();
      }
      output.say(`${heads.size} rooms`);
    });
}

/** The rooms that a pattern of tokens would cover; all without one. */
export async function roomFilter(pattern: string | undefined): Promise<(room: string) => boolean> {
  if (pattern === undefined) return () => true;
  const { compilePattern } = await import('../../core/room-pattern.ts');
  const compiled = compilePattern(pattern);
  return (room) => compiled.matches(room);
}
