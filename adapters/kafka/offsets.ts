/** Offsets by position and by time, read-committed. */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import { backOffMs, Pause } from './back-off.ts';
import type { Connections } from './connection.ts';
import type { Metadata } from './metadata.ts';
import { brokerError, CODES } from './wire/error-codes.ts';
import { EARLIEST, LATEST, type ListedOffset, listOffsetsRequest } from './wire/list-offsets.ts';
import type { BrokerAddress } from './wire/metadata.ts';

/** Leaders move and brokers restart: so many tries, each after a back-off, then `kafka_unreachable`. */
const MAX_TRIES = 6;

export class Offsets {
  readonly #metadata: Metadata;
  readonly #connections: Connections;

  constructor(metadata: Metadata, connections: Connections) {
    this.#metadata = metadata;
    this.#connections = connections;
  }

  async ranges(topic: string, partitions?: readonly Partition[]): Promise<Map<Partition, OffsetRange>> {
    const [starts, ends] = await Promise.all([
      this.#list(topic, EARLIEST, partitions),
      this.#list(topic, LATEST, partitions),
    ]);
    return new Map([...ends].map(([partition, end]) => [partition, { start: starts.get(partition) ?? end, end }]));
  }

  async at(topic: string, timeMs: number, partitions?: readonly Partition[]): Promise<Map<Partition, Offset>> {
    const [found, ends] = await Promise.all([
      this.#list(topic, Math.max(0, timeMs), partitions),
      this.#list(topic, LATEST, partitions),
    ]);
    const later = ([partition, end]: [Partition, Offset]): [Partition, Offset] => {
      const offset = found.get(partition) ?? end;
      return [partition, offset < 0 ? end : offset];
    };
    return new Map([...ends].map(later));
  }

  async #list(topic: string, timestamp: number, wanted?: readonly Partition[]): Promise<Map<Partition, Offset>> {
    const result = new Map<Partition, Offset>();
    let failure: unknown;
    for (let tries = 0; tries < MAX_TRIES && !this.#connections.closed; tries++) {
      await new Pause().for(backOffMs(tries));
      const { leaders } = await (tries === 0 ? this.#metadata.leaders(topic) : this.#metadata.refresh(topic)).catch(
        (error) => {
          if (error.code !== 'kafka_unreachable') throw error;
          failure = error;
          return { leaders: null };
        },
      );
      if (!leaders) continue;
      const missing = (wanted ?? [...leaders.keys()]).filter((p) => !result.has(p));
      const groups = byLeader(topic, leaders, missing);
      const answers = await Promise.allSettled(
        groups.map(([leader, list]) => this.#connections.send(leader, listOffsetsRequest(topic, list, timestamp))),
      );
      for (const answer of answers) {
        if (answer.status === 'rejected') failure = answer.reason;
        else for (const listed of answer.value.partitions) failure = take(topic, listed, result) ?? failure;
      }
      if (missing.every((p) => result.has(p))) return new Map([...result].sort(([a], [b]) => a - b));
      this.#metadata.markStale(topic);
    }
    throw failure instanceof RoomlogError
      ? failure
      : new RoomlogError('kafka_unreachable', undefined, { cause: failure });
  }
}

function take(topic: string, listed: ListedOffset, into: Map<Partition, Offset>): RoomlogError | undefined {
  const { partition, errorCode, offset } = listed;
  if (errorCode === CODES.none) into.set(partition as Partition, offset as Offset);
  else if (errorCode === CODES.topicAuthorizationFailed) throw brokerError('kafka_refused', errorCode, { topic });
  else return brokerError('kafka_unreachable', errorCode, { topic, partition });
  return undefined;
}

/** Groups partitions by their leader; those without one are left out. Throws `topic_missing` for a partition that does not exist. */
export function byLeader(
  topic: string,
  leaders: ReadonlyMap<Partition, BrokerAddress | null>,
  partitions: readonly Partition[],
): Array<[BrokerAddress, Partition[]]> {
  const groups = new Map<number, [BrokerAddress, Partition[]]>();
  for (const partition of partitions) {
    const leader = leaders.get(partition);
    if (leader === undefined) throw new RoomlogError('topic_missing', undefined, { details: { topic, partition } });
    if (leader === null) continue;
    const group = groups.get(leader.nodeId) ?? [leader, []];
    group[1].push(partition);
    groups.set(leader.nodeId, group);
  }
  return [...groups.values()];
}
