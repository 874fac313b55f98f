/** Makes the faults of a run, and heals them all in the end. */
import { FINE } from './brokers.ts';
import type { Fault } from './plan.ts';
import { Random } from './random.ts';
import { passInbound, passOutbound, spoilSnapshots } from './retention.ts';
import type { Actor } from './scheduler.ts';
import type { World } from './world.ts';

/** Its own stream of chance. */
const NEMESIS = 4;
/** When the first fault may come, ms. */
const GRACE_MS = 50;
/** How often a process that leaves in order is looked at, ms. */
const LEAVING_EVERY_MS = 50;

export class Nemesis {
  readonly #world: World;
  readonly #random: Random;
  readonly #actions: ReadonlyArray<readonly [Fault, () => void]>;
  /** Faults made, by name. */
  readonly made = new Map<Fault, number>();
  #over = false;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#random = new Random(seed, NEMESIS);
    this.#actions = this.#allActions().filter(([fault]) => world.plan.faults.has(fault));
  }

  begin(): void {
    const { scheduler, plan, brokers } = this.#world;
    if (plan.faults.has('append-faults')) {
      brokers.weather = plan.weather;
      this.#count('append-faults');
    }
    scheduler.after(GRACE_MS, null, () => this.#next());
  }

  /** No faults from now on; whatever is dead is started again. */
  heal(): void {
    this.#over = true;
    const { world, scheduler, brokers, sequencers, gateways, applications } = this.#parts();
    brokers.weather = FINE;
    brokers.available = true;
    brokers.fetchDelayMs.clear();
    for (const { actor } of [...sequencers, ...gateways, ...applications]) {
      if (actor === null) continue;
      brokers.restore(actor);
      if (actor.alive && actor.parked !== null) scheduler.resume(actor);
    }
    const revive = () => {
      let leaving = false;
      for (const [place, { alive, stopping }] of sequencers.entries()) {
        if (!alive) world.startSequencer(place);
        else leaving ||= stopping;
      }
      for (const [place, { alive, stopping }] of gateways.entries()) {
        if (!alive) world.startGateway(place);
        else leaving ||= stopping;
      }
      if (leaving) scheduler.after(LEAVING_EVERY_MS, null, revive);
    };
    revive();
  }

  #parts() {
    const world = this.#world;
    const { scheduler, brokers, sequencers, gateways, applications } = world;
    return { world, scheduler, brokers, sequencers, gateways, applications };
  }

  #next(): void {
    if (this.#over || this.#actions.length === 0) return;
    const [fault, act] = this.#random.pick(this.#actions);
    this.#count(fault);
    this.#world.note('nemesis', fault);
    act();
    this.#later(this.#random.between(1, this.#world.plan.faultEveryMs), () => this.#next());
  }

  #count(fault: Fault): void {
    this.made.set(fault, (this.made.get(fault) ?? 0) + 1);
  }

  #later(ms: number, run: () => void): void {
    this.#world.scheduler.after(ms, null, () => {
      if (!this.#over) run();
    });
  }

  #allActions(): ReadonlyArray<readonly [Fault, () => void]> {
    const { world, brokers, sequencers, gateways, applications } = this.#parts();
    const random = this.#random;
    const place = (of: readonly unknown[]) => random.whole(0, of.length - 1);
    return [
      [
        'sequencer-killed',
        () =>
          this.#replace(
            sequencers,
            (one) => one.kill(world),
            (at) => world.startSequencer(at),
          ),
      ],
      [
        'sequencer-stopped',
        () =>
          this.#replace(
            sequencers,
            (one) => one.stop(world),
            (at) => world.startSequencer(at),
          ),
      ],
      ['sequencer-paused', () => this.#pause(random.pick(sequencers).actor, 3_000)],
      ['sequencer-cut-off', () => this.#cut(random.pick(sequencers).actor)],
      [
        'rebalance',
        () => {
          if (brokers.available) brokers.group.rebalance();
        },
      ],
      [
        'evicted',
        () => {
          const { memberIds } = brokers.group;
          if (memberIds.length > 0) brokers.evict(random.pick(memberIds));
        },
      ],
      [
        'gateway-killed',
        () =>
          this.#replace(
            gateways,
            (one) => one.kill(random.chance(0.3)),
            (at) => world.startGateway(at),
          ),
      ],
      [
        'gateway-drained',
        () =>
          this.#replace(
            gateways,
            (one) => one.stop(),
            (at) => world.startGateway(at),
          ),
      ],
      ['gateway-paused', () => this.#pause(random.pick(gateways).actor, 2_000)],
      ['gateway-cut-off', () => this.#cut(random.pick(gateways).actor)],
      [
        'kafka-away',
        () => {
          if (!brokers.available) return;
          brokers.available = false;
          this.#later(random.between(50, 1_200), () => {
            brokers.available = true;
          });
        },
      ],
      ['connection-reset', () => this.#line()?.reset()],
      [
        'connection-silent',
        () => {
          const line = this.#line();
          if (line !== null) line.silent = true;
        },
      ],
      ['client-paused', () => this.#pause(random.pick(applications).actor, 2_000)],
      ['client-restarted', () => applications[place(applications)]?.restart()],
      [
        'slow-tail',
        () => {
          const { actor } = random.pick([...sequencers, ...gateways]);
          brokers.fetchDelayMs.set(actor, random.between(20, 900));
          this.#later(random.between(100, 1_500), () => brokers.fetchDelayMs.delete(actor));
        },
      ],
      [
        'clock-skew',
        () => {
          random.pick([...sequencers, ...gateways]).actor.skewMs += Math.floor(random.between(-60_000, 60_000));
        },
      ],
      [
        'broker-clock-jumps',
        () => {
          brokers.skewMs = random.between(-5_000, 5_000);
        },
      ],
      ['snapshots-spoiled', () => spoilSnapshots(world, random)],
      ['inbound-retention', () => passInbound(world, random)],
      ['outbound-retention', () => passOutbound(world, random)],
    ];
  }

  #replace<Process extends { readonly alive: boolean }>(
    processes: readonly Process[],
    end: (process: Process) => void,
    start: (place: number) => void,
  ): void {
    const place = this.#random.whole(0, processes.length - 1);
    const process = processes[place];
    if (process === undefined || !process.alive) return;
    end(process);
    const again = () => {
      if (processes[place] !== process) return;
      if (process.alive) this.#later(200, again);
      else start(place);
    };
    this.#later(this.#random.between(20, 1_500), again);
  }

  #pause(actor: Actor | null, longestMs: number): void {
    const { scheduler } = this.#world;
    if (actor === null || !actor.alive || actor.parked !== null) return;
    scheduler.pause(actor);
    this.#later(this.#random.between(5, longestMs), () => {
      if (actor.alive && actor.parked !== null) scheduler.resume(actor);
    });
  }

  #cut(actor: Actor): void {
    const { brokers } = this.#world;
    brokers.cut(actor);
    this.#later(this.#random.between(20, 2_500), () => brokers.restore(actor));
  }

  #line() {
    const { lines } = this.#world;
    for (const line of lines) if (line.client.readyState === 3) lines.delete(line);
    const whole = [...lines].filter(({ broken }) => !broken);
    return whole.length === 0 ? null : this.#random.pick(whole);
  }
}
