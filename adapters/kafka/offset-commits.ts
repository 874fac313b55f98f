/** Commits of a group's positions, newest ones only. They show lag in the group's displays: nobody reads by them, so one that fails is only logged. */
import type { Offset, Partition } from '../../core/ids.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Connections } from './connection.ts';
import type { BrokerAddress } from './wire/metadata.ts';

/** A member's place in the group. */
export interface Membership {
  readonly coordinator: BrokerAddress;
  readonly memberId: string;
  readonly generation: number;
}

export interface OffsetCommitsOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly connections: Connections;
  readonly logger: LogSink;
  /** null: there is none now, and what was to be committed waits for the next commit with one. */
  readonly membership: () => Membership | null;
}

export class OffsetCommits {
  readonly #options: OffsetCommitsOptions;
  #waiting: Map<Partition, Offset> | null = null;
  #committing = false;

  constructor(options: OffsetCommitsOptions) {
    this.#options = options;
  }

  commit(positions: ReadonlyMap<Partition, Offset>): void {
    this.#waiting ??= new Map();
    for (const [partition, offset] of positions) this.#waiting.set(partition, offset);
    if (!this.#committing) void this.#commitAll();
  }

  async #commitAll(): Promise<void> {
    const { groupId, topic, connections, logger } = this.#options;
    this.#committing = true;
    for (;;) {
      const offsets = this.#waiting;
      const membership = this.#options.membership();
      if (offsets === null || membership === null) break;
      this.#waiting = null;
      const { coordinator, memberId, generation } = membership;
      const member = { groupId, memberId, generation };
      try {
        await connections.use(coordinator, 'offsetCommit', (broker) => broker.commitOffsets(member, topic, offsets));
      } catch (thrown) {
        logger.debug({ group: groupId, reason: (thrown as Error).message }, 'commit failed');
      }
    }
    this.#committing = false;
  }
}
