/** For tests of recovery: what is read of a memory log. */
import type { LogRecord } from '../../core/ports/event-log.ts';
import type { World } from '../tail/world.fixture.ts';

/** Counts the ranges that are read of the log, and the records in them. */
export function watchReads(world: World): { reads: number; records: number } {
  const seen = { reads: 0, records: 0 };
  const open = world.log.cluster.open.bind(world.log.cluster);
  world.log.cluster.open = (clientId) => {
    const log = open(clientId);
    const readRange = log.readRange.bind(log);
    log.readRange = async function* (options): AsyncGenerator<readonly LogRecord[]> {
      seen.reads += 1;
      for await (const records of readRange(options)) {
        seen.records += records.length;
        yield records;
      }
    };
    return log;
  };
  return seen;
}
