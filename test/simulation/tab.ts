/**
 * A publisher that speaks the protocol itself, by its letter and no better: two of them share a session, as tabs that copied
 * it from each other would, and so use the same numbers for different things. Now and then one sends a frame twice.
 */
import { WireHistory as Wire, type WireHistory } from './recorder.ts';
import type { Actor } from './scheduler.ts';
import { ClientWebSocket } from './simulated-socket.ts';
import type { World } from './world.ts';

const AGAIN_MS = 700;
/** Tries without an answer after which the connection is given up. */
const MAX_TRIES = 3;

interface Answer {
  readonly type: string;
  readonly id?: number;
  readonly code?: string;
  readonly expected?: number;
}

export class Tab {
  readonly actor: Actor;
  readonly #world: World;
  readonly #wire: WireHistory;
  readonly #session: string;
  readonly #room: string;
  readonly #count: number;
  #pub = 1;
  #said = 0;
  #id = 0;
  #tries = 0;
  #socket: ClientWebSocket | null = null;

  constructor(world: World, name: string, user: string, session: string) {
    const { scheduler, plan, recorder, random } = world;
    this.#world = world;
    this.actor = world.newActor(name);
    this.#wire = new Wire(name, user, recorder, scheduler);
    this.#session = session;
    this.#room = plan.rooms[0] as string;
    this.#count = random.whole(3, 12);
    scheduler.after(random.between(0, 300), this.actor, () => this.#open());
  }

  get isSettled(): boolean {
    return this.#said >= this.#count;
  }

  describe(): string {
    return `said ${this.#said} of ${this.#count}, next is pub ${this.#pub}`;
  }

  #open(): void {
    const socket = new ClientWebSocket(this.#wire.tap());
    this.#socket = socket;
    this.#tries = 0;
    this.#awaitAnswer();
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: 'hello', token: this.#wire.user, session: this.#session }));
    };
    socket.onmessage = (({ data }: { data: string }) => this.#receive(JSON.parse(data) as Answer)) as never;
    socket.onclose = () => {
      if (this.#socket === socket) this.#world.scheduler.after(200, this.actor, () => this.#open());
    };
    this.#world.connect(socket, this.actor);
  }

  #receive({ type, id, code, expected }: Answer): void {
    if (type === 'welcome') this.#send();
    if (id !== this.#id) return;
    this.#tries = 0;
    if (type === 'ack' || code === 'session_in_use') {
      // Acked, or somebody else's number: the next one, with the next thing to say.
      this.#pub++;
      this.#said++;
      this.#send();
    } else if (code === 'out_of_order' && expected !== undefined) {
      this.#pub = expected;
      this.#send();
    } else if (code === 'session_unknown') {
      this.#said = this.#count;
    } else if (type === 'error') this.#world.scheduler.after(100, this.actor, () => this.#send());
  }

  #send(): void {
    if (this.isSettled || this.#socket?.readyState !== 1) return;
    const { random } = this.#world;
    const times = random.chance(0.2) ? 2 : 1;
    for (let time = 0; time < times; time++) {
      this.#id++;
      const text = `${this.actor.name} ${this.#said + 1}`;
      const frame = { type: 'publish', id: this.#id, room: this.#room, pub: this.#pub, event: 'said', data: text };
      this.#socket?.send(JSON.stringify(frame));
    }
    this.#awaitAnswer();
  }

  /** Sends again in a while, or looks for another gateway. */
  #awaitAnswer(): void {
    const { scheduler } = this.#world;
    const id = this.#id;
    const socket = this.#socket;
    scheduler.after(AGAIN_MS, this.actor, () => {
      if (this.#id !== id || this.#socket !== socket || this.isSettled) return;
      this.#tries++;
      if (this.#tries < MAX_TRIES) {
        this.#send();
        this.#awaitAnswer();
        return;
      }
      this.#socket = null;
      socket?.close();
      this.#open();
    });
  }
}
