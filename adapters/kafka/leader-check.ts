/**
 * A leader that was cut off from the others goes on answering, with nothing new, for as long as it does not hear that it was deposed.
 * So now and then it is asked whether those that are read from still lead.
 */
import type { Clock } from '../../core/ports/clock.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Seeker } from './leader-search.ts';
import type { Metadata, TopicLeaders } from './metadata.ts';
import type { BrokerAddress } from './wire/metadata.ts';

/** How often it is asked who leads the partitions that are read. */
export const LEADER_CHECK_MS = 10_000;

export interface LeaderCheckOptions {
  readonly topic: string;
  readonly metadata: Metadata;
  readonly clock: Clock;
  readonly logger: LogSink;
  /** All partitions that are read now. */
  seekers(): Iterable<Seeker>;
  /** Some have another leader now. */
  onMoved(): void;
}

export class LeaderCheck {
  readonly #options: LeaderCheckOptions;
  #askedAt: number;

  constructor(options: LeaderCheckOptions) {
    this.#options = options;
    this.#askedAt = options.clock.monotonic();
  }

  /** Asks where that is due. Nobody waits for the answer: if none comes, reading goes on as it did. */
  tick(): void {
    const { clock, metadata, topic } = this.#options;
    if (clock.monotonic() - this.#askedAt < LEADER_CHECK_MS) return;
    this.#askedAt = clock.monotonic();
    metadata.refresh(topic).then(
      (answer) => this.#compare(answer),
      () => {},
    );
  }

  #compare({ leaders }: TopicLeaders): void {
    const { topic, logger } = this.#options;
    let hasMoved = false;
    for (const seeker of this.#options.seekers()) {
      const found = leaders.get(seeker.partition);
      if (!seeker.leader || !found || isSame(seeker.leader, found)) continue;
      const line = { topic, partition: seeker.partition, from: seeker.leader.nodeId, to: found.nodeId };
      logger.info(line, 'the leader has moved');
      seeker.leader = found;
      hasMoved = true;
    }
    if (hasMoved) this.#options.onMoved();
  }
}

const isSame = (a: BrokerAddress, b: BrokerAddress) => a.nodeId === b.nodeId && a.host === b.host && a.port === b.port;
