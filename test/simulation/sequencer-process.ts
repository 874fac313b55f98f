/** A sequencer as a process: the production code, started, stopped in order, or killed. */
import { Sequencer } from '../../consumers/sequencer/sequencer.ts';
import { clockOf } from './globals.ts';
import type { Actor } from './scheduler.ts';
import { CODEC, CONFIG, GROUP_ID } from './shared.ts';
import { SimulatedLog } from './simulated-log.ts';
import type { World } from './world.ts';

export class SequencerProcess {
  readonly actor: Actor;
  readonly #log: SimulatedLog;
  #sequencer: Sequencer | null = null;
  /** Leaves in order; dead soon. */
  stopping = false;

  /** `version`: which of the run's decisions it makes. */
  constructor(world: World, name: string, version: 0 | 1) {
    const { scheduler, brokers, plan } = world;
    this.actor = world.newActor(name);
    this.#log = new SimulatedLog(brokers, this.actor, { fetchBytes: plan.fetchBytes });
    scheduler.after(0, this.actor, () => {
      this.#sequencer = new Sequencer({
        log: this.#log,
        codec: CODEC,
        topics: brokers.topics,
        partitions: plan.partitions,
        groupId: GROUP_ID,
        config: {
          ...CONFIG.sequencer,
          sessionTimeoutMs: plan.sessionTimeoutMs,
          heartbeatIntervalMs: plan.heartbeatMs,
          batchBytes: plan.batchBytes,
          claimEveryBytes: plan.claimEveryBytes,
          claimEveryMs: plan.claimEveryMs,
          snapshotEveryRecords: plan.snapshotEveryRecords,
          snapshotEveryMs: plan.snapshotEveryMs,
          sessionMaxAgeMs: plan.sessionMaxAgeMs[version],
        },
        clock: clockOf(scheduler, this.actor),
        random: (bytes) => world.random.bytes(bytes),
        logger: world.logger(this.actor),
      });
      this.#sequencer.start().catch((thrown: unknown) => world.fail(thrown));
    });
  }

  get alive(): boolean {
    return this.actor.alive;
  }

  /** Partitions that wait for an operator. */
  get halted(): string[] {
    const partitions = this.#sequencer?.report().partitions ?? [];
    return partitions
      .filter(({ state }) => state === 'halted')
      .map(({ partition, error }) => `${this.actor.name}: partition ${partition} halted: ${error?.message}`);
  }

  /** For people: what it does. */
  describe(): string {
    const { owned = [], partitions = [] } = this.#sequencer?.report() ?? {};
    const states = partitions.map(
      ({ partition, state, lastInbound, waitsFor }) => `${partition} ${state} at ${lastInbound} ${waitsFor ?? ''}`,
    );
    return `owns ${owned.join()}: ${states.join('; ')}`;
  }

  kill(world: World): void {
    world.scheduler.kill(this.actor);
    this.#log.kill();
  }

  /** In order; dead soon. */
  stop(world: World): void {
    if (this.stopping) return;
    this.stopping = true;
    world.scheduler.after(0, this.actor, () => {
      const stopped = this.#sequencer?.stop() ?? Promise.resolve();
      stopped.then(
        () => this.kill(world),
        (thrown: unknown) => world.fail(thrown),
      );
    });
  }
}
