/** An application that uses the SDK: joins rooms, publishes to them, and remembers where it was when it is started again. */
import { Buffer } from 'node:buffer';
import type { RoomlogClientError } from '../../client/errors.ts';
import { connect, type RoomlogClient } from '../../client/index.ts';
import type { Room } from '../../client/room.ts';
import { WireHistory } from './recorder.ts';
import type { Actor } from './scheduler.ts';
import { ClientWebSocket } from './simulated-socket.ts';
import type { World } from './world.ts';

/** A publish as the application sees it. */
export interface Asked {
  readonly room: string;
  readonly text: string;
  /** Which life of the application asked for it. */
  readonly life: string;
  state: 'waiting' | 'published' | 'not_published' | 'unknown';
  seq: number | null;
}

const EVENT = 'said';

export class SdkApplication {
  readonly name: string;
  readonly asked: Asked[] = [];
  readonly #world: World;
  readonly #publishes: number;
  readonly #rooms: readonly string[];
  /** Where it was in each room. */
  readonly #places = new Map<string, { cursor: string; seq: number }>();
  readonly #joined = new Map<string, Room>();
  #lives = 0;
  #actor: Actor | null = null;
  #client: RoomlogClient | null = null;
  #done = 0;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    const { plan, random } = world;
    this.#publishes = plan.publishesPerClient;
    this.#rooms = plan.rooms.filter((_, index) => index === 0 || random.chance(0.6));
    this.#live();
  }

  get actor(): Actor | null {
    return this.#actor;
  }

  /** Nothing more will be asked, and everything was answered. */
  get isSettled(): boolean {
    return this.#done >= this.#publishes && this.asked.every(({ state }) => state !== 'waiting');
  }

  /** Rooms in which it has not come to the head. */
  behind(heads: ReadonlyMap<string, number>): string[] {
    return this.#rooms
      .map((name) => ({ name, head: heads.get(name) ?? 0, seq: this.#joined.get(name)?.seq ?? null }))
      .filter(({ head, seq }) => head > (seq ?? 0))
      .map(({ name, head, seq }) => `${this.name} is at ${name} ${seq} of ${head}`);
  }

  describe(): string {
    const waiting = this.asked.filter(({ state }) => state === 'waiting').length;
    return `${JSON.stringify(this.#client?.state)}, ${this.#done} of ${this.#publishes} asked, ${waiting} waiting`;
  }

  /** Killed, and started again with what it had stored. */
  restart(): void {
    const actor = this.#actor;
    if (actor?.alive !== true) return;
    const { scheduler, recorder } = this.#world;
    scheduler.kill(actor);
    this.#world.disconnect(actor);
    recorder.add({ type: 'close', client: this.#lifeName });
    for (const asked of this.asked) if (asked.state === 'waiting') asked.state = 'unknown';
    scheduler.after(100, null, () => this.#live());
  }

  get #lifeName(): string {
    return `${this.name}.${this.#lives}`;
  }

  #live(): void {
    const { scheduler, random, recorder } = this.#world;
    this.#lives++;
    const life = this.#lifeName;
    const actor = this.#world.newActor(life);
    this.#actor = actor;
    this.#joined.clear();
    const wire = new WireHistory(life, this.name, recorder, scheduler);
    const world = this.#world;
    class Socket extends ClientWebSocket {
      constructor(_url: string, protocols: readonly string[]) {
        super(wire.tap(), protocols);
        world.connect(this, actor);
      }
    }
    scheduler.after(random.between(0, 200), actor, () => {
      const client = connect({
        url: 'ws://gateways/v1/ws',
        token: this.name,
        webSocket: Socket as never,
        backoff: { minMs: 50, maxMs: 800 },
        connectTimeoutMs: 1_500,
        pongTimeoutMs: 700,
        stableAfterMs: 1_000,
        batch: random.chance(0.5),
        // Not by chance: the runs of known seeds stay what they are.
        encoding: (this.name.charCodeAt(this.name.length - 1) + this.#lives) % 2 === 0 ? 'avro' : 'json',
      });
      this.#client = client;
      client.on('error', (error) => this.#onError(error));
      client.on('state', (state) => {
        if (state.state === 'closed') world.fail(new Error(`${life} ended: ${state.error?.message}`));
      });
      for (const room of this.#rooms) this.#join(client, room);
      this.#publishOn(client, life);
    });
  }

  #join(client: RoomlogClient, name: string): void {
    const { recorder, random } = this.#world;
    const life = this.#lifeName;
    const place = this.#places.get(name);
    const fromStart = place !== undefined || random.chance(0.7);
    const last = !fromStart && random.chance(0.5) ? random.whole(1, 5) : null;
    const start =
      place !== undefined ? { after: place.cursor } : fromStart ? { after: 'start' } : last !== null ? { last } : {};
    recorder.add({ type: 'join', client: life, room: name, from: place?.seq ?? (fromStart ? 0 : null) });
    const remember = (seq: number, cursor: string) => this.#places.set(name, { seq, cursor });
    client
      .join(name, {
        ...start,
        onEvent: ({ seq, cursor, event, data }) => {
          remember(seq, cursor);
          const content = recorder.contentOf(event, data);
          recorder.add({ type: 'delivery', client: life, room: name, user: this.name, seq, content });
        },
        onGap: ({ from, to, cursor }) => {
          remember(to, cursor);
          recorder.add({ type: 'gap', client: life, room: name, from, to });
        },
        onLive: ({ seq, cursor }) => {
          remember(seq, cursor);
          recorder.add({ type: 'live', client: life, room: name, seq });
        },
        onEnd: (error) => this.#world.fail(new Error(`${life} lost ${name}: ${error.code} ${error.message}`)),
      })
      .then(
        (room) => this.#joined.set(name, room),
        (thrown: unknown) => this.#world.fail(thrown),
      );
  }

  #publishOn(client: RoomlogClient, life: string): void {
    const { random, plan, scheduler } = this.#world;
    const actor = scheduler.current;
    const next = () => {
      if (this.#done >= this.#publishes) return;
      const burst = random.chance(0.3) ? random.whole(2, 8) : 1;
      for (let n = 0; n < burst && this.#done < this.#publishes; n++) this.#publish(client, life);
      scheduler.after(random.between(1, (2 * plan.faultyMs) / this.#publishes), actor, next);
    };
    next();
  }

  #publish(client: RoomlogClient, life: string): void {
    this.#done++;
    const room = this.#world.random.pick(this.#rooms);
    const asked: Asked = { room, text: `${this.name} ${this.#done}`, life, state: 'waiting', seq: null };
    this.asked.push(asked);
    client.publish(room, EVENT, asked.text).then(
      ({ seq }) => {
        asked.state = 'published';
        asked.seq = seq ?? null;
      },
      (error: RoomlogClientError) => {
        const { outcome } = error.details as { outcome?: string };
        asked.state = outcome === 'not_published' ? 'not_published' : 'unknown';
        this.#world.note(life, `${asked.text} was rejected: ${error.code}, ${outcome}`);
      },
    );
  }

  #onError(error: RoomlogClientError): void {
    this.#world.note(this.#lifeName, `error ${error.code}: ${error.message}`);
    // The SDK saw a number that never came.
    if (error.code === 'hole') this.#world.fail(new Error(error.message));
  }
}

/** As it stands in the log. */
export const bytesOf = (text: string): Buffer => Buffer.from(JSON.stringify(text));
