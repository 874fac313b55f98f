/** The outbound partitions of a gateway, and which of them a room is in. */
import { type Partition, partition, type RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { FollowedPartition } from './followed-partition.ts';

export class Partitions {
  /** By number. */
  readonly all: readonly FollowedPartition[];

  /** @param count P */
  constructor(count: number, follow: (number: Partition) => FollowedPartition) {
    this.all = Array.from({ length: count }, (_, number) => follow(partition(number)));
  }

  of(room: RoomId): FollowedPartition {
    return this.at(partitionOf(room, this.all.length));
  }

  at(number: Partition): FollowedPartition {
    const followed = this.all[number];
    if (followed === undefined) throw new RangeError(`no partition ${number}`);
    return followed;
  }

  /** Records that the log has and the folds have not. */
  get lag(): number {
    return this.all.reduce((sum, { lag }) => sum + lag, 0);
  }

  /** How many have stopped for good. */
  get halted(): number {
    return this.all.filter(({ halted }) => halted !== null).length;
  }

  get ringBytes(): number {
    return this.all.reduce((sum, { ring }) => sum + ring.bytes, 0);
  }
}
