/** Everything that takes part in one run, and how it hangs together. */
import type { LogSink } from '../../core/ports/logger.ts';
import { mintSession } from '../../core/sequencing/uuidv7.ts';
import { Brokers } from './brokers.ts';
import { GatewayProcess } from './gateway-process.ts';
import { START_MS } from './globals.ts';
import { Outbound } from './outbound.ts';
import type { Plan } from './plan.ts';
import { Random } from './random.ts';
import { Recorder } from './recorder.ts';
import type { Actor, Scheduler } from './scheduler.ts';
import { SdkApplication } from './sdk-application.ts';
import { SequencerProcess } from './sequencer-process.ts';
import { Service } from './service.ts';
import { GROUP_ID, TOPICS } from './shared.ts';
import { type ClientWebSocket, Line } from './simulated-socket.ts';
import { Tab } from './tab.ts';

/** Streams of chance that do not disturb each other. */
const NETWORK = 2;
const PROCESSES = 3;

export class World {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  /** What processes draw. */
  readonly random: Random;
  readonly network: Random;
  readonly brokers: Brokers;
  readonly recorder: Recorder;
  readonly outbound: Outbound;
  /** The process in each place; a dead one is replaced. */
  readonly sequencers: SequencerProcess[] = [];
  readonly gateways: GatewayProcess[] = [];
  readonly applications: SdkApplication[] = [];
  readonly tabs: Tab[] = [];
  readonly services: Service[] = [];
  readonly lines = new Set<Line>();
  /** What processes logged, and how often. */
  readonly said = new Map<string, number>();
  #starts = 0;

  constructor(seed: number, plan: Plan, scheduler: Scheduler) {
    this.plan = plan;
    this.scheduler = scheduler;
    this.random = new Random(seed, PROCESSES);
    this.network = new Random(seed, NETWORK);
    this.brokers = new Brokers(scheduler, this.network, TOPICS, plan.partitions, GROUP_ID);
    this.recorder = new Recorder(scheduler);
    this.outbound = new Outbound(this.brokers, plan.partitions);
  }

  begin(): void {
    const { plan, random, recorder } = this;
    for (let place = 0; place < plan.sequencers; place++) this.startSequencer(place);
    for (let place = 0; place < plan.gateways; place++) this.startGateway(place);
    const user = (name: string) => {
      recorder.add({ type: 'rights', user: name, rooms: 'all' });
      return name;
    };
    for (let n = 1; n <= plan.clients; n++) this.applications.push(new SdkApplication(this, user(`app${n}`)));
    for (let n = 1; n <= plan.tabs; n++) {
      const session = mintSession(START_MS, (bytes) => random.bytes(bytes));
      const name = user(`tabs${n}`);
      for (const tab of ['left', 'right']) this.tabs.push(new Tab(this, `${name}-${tab}`, name, session));
    }
    for (let n = 1; n <= plan.services; n++) this.services.push(new Service(this, user(`service${n}`)));
  }

  /** The processes of one place differ in their decisions, if the run has two versions. */
  startSequencer(place: number): void {
    this.#starts++;
    this.sequencers[place] = new SequencerProcess(
      this,
      `sequencer${place + 1}.${this.#starts}`,
      place % 2 === 0 ? 0 : 1,
    );
  }

  startGateway(place: number): void {
    this.#starts++;
    this.gateways[place] = new GatewayProcess(this, `gateway${place + 1}.${this.#starts}`);
  }

  newActor(name: string): Actor {
    const { plan, random, scheduler } = this;
    const actor = scheduler.actor(name);
    if (plan.faults.has('clock-skew')) actor.skewMs = Math.floor(random.between(-600_000, 600_000));
    if (plan.lookCostMs > 0 && random.chance(0.5)) actor.lookCostMs = random.between(0, plan.lookCostMs);
    return actor;
  }

  /** Leads a client to a gateway, as a load balancer that does not know which of them live. */
  connect(socket: ClientWebSocket, client: Actor): void {
    const { scheduler, network } = this;
    const gateway = network.pick(this.gateways);
    const latencyMs = () => {
      const draw = network.next();
      return draw < 0.95 ? 0.2 + draw * 3 : network.between(3, 150);
    };
    if (!gateway.alive) {
      scheduler.after(latencyMs(), client, () => socket.ended(1006, 'refused'));
      return;
    }
    const line = new Line({ scheduler, client, server: gateway.actor, latencyMs }, socket);
    socket.line = line;
    this.lines.add(line);
    gateway.lines.add(line);
    line.toServer(() => gateway.accept(line));
  }

  /** The client's process is gone: its kernel says so to gateways. */
  disconnect(client: Actor): void {
    for (const line of this.lines) {
      if (line.options.client !== client) continue;
      line.client.lost();
      line.reset();
    }
  }

  logger(actor: Actor): LogSink {
    const write = (fields: object, message = ''): void => {
      const { code = '', partition = '' } = fields as { code?: string; partition?: number | string };
      this.said.set(message, (this.said.get(message) ?? 0) + 1);
      this.note(actor.name, `${message} ${code} ${partition}`);
    };
    return { debug: () => {}, info: write, warn: write, error: write };
  }

  note(who: string, what: string): void {
    this.scheduler.trace.note(this.scheduler.now, who, what);
  }

  /** Something happened that must never happen, whatever the faults. */
  fail(thrown: unknown): void {
    this.scheduler.failure ??= thrown;
  }
}
