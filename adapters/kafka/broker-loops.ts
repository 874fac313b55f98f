/** The fetch loops of a tail: one per broker. One that is given up does no more harm, whatever it still waits for. */
import type { BrokerAddress } from './wire/metadata.ts';

/** A loop asks this whenever it comes back from waiting. */
export type IsGivenUp = () => boolean;

interface Loop {
  ended: Promise<void>;
}

export class BrokerLoops {
  readonly #run: (leader: BrokerAddress, isGivenUp: IsGivenUp) => Promise<void>;
  readonly #onEnd: () => void;
  /** By node. */
  readonly #loops = new Map<number, Loop>();

  /** `run` lives while there is something to fetch; `onEnd`: it came to its end by itself. */
  constructor(run: (leader: BrokerAddress, isGivenUp: IsGivenUp) => Promise<void>, onEnd: () => void) {
    this.#run = run;
    this.#onEnd = onEnd;
  }

  /** Does nothing where one runs. */
  start(leader: BrokerAddress): void {
    const { nodeId } = leader;
    if (this.#loops.has(nodeId)) return;
    const loop: Loop = { ended: Promise.resolve() };
    const isGivenUp = () => this.#loops.get(nodeId) !== loop;
    this.#loops.set(nodeId, loop);
    loop.ended = this.#run(leader, isGivenUp).finally(() => {
      if (isGivenUp()) return;
      this.#loops.delete(nodeId);
      this.#onEnd();
    });
  }

  giveUp({ nodeId }: BrokerAddress): void {
    this.#loops.delete(nodeId);
  }

  /** Resolves when those that were not given up have ended. */
  async ended(): Promise<void> {
    await Promise.all([...this.#loops.values()].map(({ ended }) => ended));
  }
}
