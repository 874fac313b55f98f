/**
 * A gateway as a process: the production stream half, publishing and connections, put together as `gateway/main.ts` and the
 * edge do it, with simulated sockets in place of ports and a token check that does no cryptography.
 */
import type { Duplex } from 'node:stream';
import { MemoryConnectionRegistry } from '../../adapters/memory/connections.ts';
import { MemoryEphemeralBus } from '../../adapters/memory/ephemeral.ts';
import { MemoryPresence, PresenceHub } from '../../adapters/memory/presence.ts';
import { RoomlogError } from '../../core/errors.ts';
import { gatewayId, userId } from '../../core/ids.ts';
import { Permissions } from '../../gateway/auth/permissions.ts';
import type { Principal } from '../../gateway/auth/token.ts';
import { BoundEvents } from '../../gateway/binding/bound-events.ts';
import { AcceptPace } from '../../gateway/connection/accept-pace.ts';
import type { ClientSocket } from '../../gateway/connection/client-socket.ts';
import { Connection } from '../../gateway/connection/connection.ts';
import { Connections } from '../../gateway/connection/connections.ts';
import type { Services } from '../../gateway/connection/services.ts';
import { WriteTurn } from '../../gateway/connection/write-turn.ts';
import { drain } from '../../gateway/drain.ts';
import { PresenceRooms } from '../../gateway/presence/presence-rooms.ts';
import { avroEncoding } from '../../gateway/protocol/avro.ts';
import { createEncodings } from '../../gateway/protocol/encodings.ts';
import { jsonEncoding } from '../../gateway/protocol/json.ts';
import { EphemeralRooms } from '../../gateway/publish/ephemeral-rooms.ts';
import { ORIGIN_TAG_BYTES, PendingPublishes } from '../../gateway/publish/pending.ts';
import { Publisher } from '../../gateway/publish/publish.ts';
import type { RoomStream } from '../../gateway/stream.ts';
import { createRoomStream } from '../../gateway/tail/room-stream.ts';
import { clockOf, START_MS } from './globals.ts';
import type { Actor } from './scheduler.ts';
import { CODEC, CONFIG, EDGE_METRICS, NO_METRICS } from './shared.ts';
import { SimulatedLog } from './simulated-log.ts';
import type { Line } from './simulated-socket.ts';
import type { World } from './world.ts';

const YEAR_MS = 365 * 86_400_000;
const ALL_ROOMS = [{ pattern: '**', allow: ['join', 'publish'] }];

/** No event is bound to a schema. */
const NO_SUBJECTS = { versions: async () => [], load: async () => '' };
/** Tokens are users' names. */
const verifier = {
  toleranceMs: 0,
  verify: async (token: string): Promise<Principal> => ({
    user: userId(token),
    permissions: new Permissions(ALL_ROOMS),
    expiresAt: START_MS + YEAR_MS,
  }),
};

export class GatewayProcess {
  readonly actor: Actor;
  readonly lines = new Set<Line>();
  readonly #world: World;
  readonly #log: SimulatedLog;
  readonly #connections = new Connections(1_000, 1_000);
  #services: Services | null = null;
  #stream: RoomStream | null = null;
  /** Leaves in order; dead soon. */
  stopping = false;

  constructor(world: World, name: string) {
    const { scheduler, brokers, plan } = world;
    this.#world = world;
    this.actor = world.newActor(name);
    this.#log = new SimulatedLog(brokers, this.actor, { fetchBytes: plan.fetchBytes });
    scheduler.after(0, this.actor, () => this.#start(name));
  }

  get alive(): boolean {
    return this.actor.alive;
  }

  get halted(): string[] {
    const reason = this.#stream?.notReadyReason ?? null;
    return this.#stream !== null && reason?.includes('halted') === true ? [`${this.actor.name}: ${reason}`] : [];
  }

  describe(): string {
    return `${this.#stream?.notReadyReason ?? 'ready'}, ${JSON.stringify(this.#stream?.stats())}`;
  }

  /** In a task of this process. */
  accept(line: Line): void {
    if (this.#services === null || this.stopping || this.#stream?.ready !== true) {
      line.toClient(() => line.client.ended(1006, 'refused'));
      return;
    }
    this.lines.add(line);
    line.server.on('close', () => this.lines.delete(line));
    line.toClient(() => line.client.opened());
    const { server, socket } = line;
    const encoding = line.client.protocol === avroEncoding.subprotocol ? avroEncoding : jsonEncoding;
    const handshake = { encoding, deflate: null, token: null };
    new Connection(server as unknown as ClientSocket, socket as unknown as Duplex, handshake, this.#services);
  }

  /** With `silently`, as when the machine is gone: nobody is told. */
  kill(silently = false): void {
    this.#world.scheduler.kill(this.actor);
    this.#log.kill();
    for (const line of this.lines) {
      if (silently) line.silent = true;
      else line.reset();
    }
    this.lines.clear();
  }

  /** Sends its clients elsewhere; dead soon. */
  stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.#world.scheduler.after(0, this.actor, () => {
      this.#drain().then(
        () => this.kill(),
        (thrown: unknown) => this.#world.fail(thrown),
      );
    });
  }

  async #drain(): Promise<void> {
    await drain(this.#connections, { windowMs: 200, reason: 'restart', flushMs: 500, lingerMs: 200 });
    this.#services?.publisher.stop();
    await this.#stream?.stop();
    await this.#log.close();
  }

  #start(name: string): void {
    const { scheduler, brokers, plan, random } = this.#world;
    const clock = clockOf(scheduler, this.actor);
    const logger = this.#world.logger(this.actor);
    const limits = { ...CONFIG.gateway, ...plan.gateway };
    const originTag = random.bytes(ORIGIN_TAG_BYTES);
    const pending = new PendingPublishes(originTag);
    const stream = createRoomStream({
      log: this.#log,
      codec: CODEC,
      topics: brokers.topics,
      partitions: plan.partitions,
      originTag,
      outcomes: pending,
      config: { ...CONFIG, gateway: limits },
      logger,
      metrics: NO_METRICS,
      clock,
      anchors: plan.anchors,
      historyCacheBytes: 4_096,
      pressure: () => plan.flushPressure,
    });
    this.#stream = stream;
    const publisher = new Publisher({
      log: this.#log,
      topic: brokers.topics.inbound,
      partitions: plan.partitions,
      encode: (event) => CODEC.encodeInbound(event),
      pending,
      stream,
      clock,
      limits,
    });
    publisher.start();
    this.#services = {
      gateway: gatewayId(name),
      limits,
      sessionMaxAgeMs: plan.sessionMaxAgeMs[0],
      heartbeat: {
        intervalMs: limits.pingIntervalMs,
        timeoutMs: limits.pongTimeoutMs,
        busyTimeoutMs: limits.slowClientTimeoutMs,
      },
      clock,
      random: (bytes) => random.bytes(bytes),
      logger,
      metrics: EDGE_METRICS,
      verifier,
      connections: this.#connections,
      registry: new MemoryConnectionRegistry(),
      turn: new WriteTurn(),
      pace: new AcceptPace(limits, clock, NO_METRICS),
      stream,
      publisher,
      encodings: createEncodings(() => null),
      bound: new BoundEvents({ bindings: [], store: NO_SUBJECTS, refreshMs: 1_000, clock, logger }),
      presence: new PresenceRooms(new MemoryPresence(new PresenceHub()), logger),
      ephemeral: new EphemeralRooms(new MemoryEphemeralBus(), stream),
    };
    stream.start().catch((thrown: unknown) => {
      if (thrown instanceof RoomlogError && thrown.code === 'draining') return;
      this.#world.fail(thrown);
    });
  }
}
