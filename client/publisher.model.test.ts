/**
 * The publisher against a model of gateways and the sequencer that does everything the protocol lets them do: refuse, hold
 * back, answer late or never, append a dead connection's publishes long after it ended, forget sessions. Whatever happens:
 *
 * - nothing is sequenced twice, and what is sequenced keeps the order of the calls, within a session and between them;
 * - what resolved was sequenced; what was rejected as `not_published` was not;
 * - a number once produced is never used for other content.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnswerHandler, Connection } from './connection.ts';
import type { RoomlogClientError } from './errors.ts';
import type { ServerFrame } from './frames.ts';
import { Publisher } from './publisher.ts';
import { type ClientMessage, WIRES } from './wire.ts';

interface Sent {
  readonly session: string;
  readonly pub: number;
  readonly content: number;
  readonly id: number;
  readonly connection: ModelConnection;
}

/** What a gateway and its socket hold. */
class ModelConnection {
  readonly bufferedBytes = 0;
  readonly welcome = { maxFrame: 65_536 };
  readonly session: string;
  /** On the way to the gateway. */
  readonly requests: Sent[] = [];
  /** Produced, in flight to Kafka: may still arrive after the connection has ended. */
  readonly produced: Sent[] = [];
  /** On the way to the client. */
  readonly replies: ServerFrame[] = [];
  readonly handlers = new Map<number, AnswerHandler>();
  #lastId = 0;
  ended = false;

  constructor(session: string) {
    this.session = session;
  }

  encode(message: ClientMessage): string | Uint8Array {
    return WIRES.json.encode(message);
  }

  request(build: (id: number) => ClientMessage, onAnswer: AnswerHandler): void {
    this.#lastId += 1;
    const id = this.#lastId;
    const frame = JSON.parse(this.encode(build(id)) as string) as { pub: number; data: number };
    this.handlers.set(id, onAnswer);
    this.requests.push({ session: this.session, pub: frame.pub, content: frame.data, id, connection: this });
  }

  /** Hands the client its next reply. */
  receive(): void {
    const frame = this.replies.shift();
    if (!frame || !('id' in frame) || frame.id === undefined) return;
    const handler = this.handlers.get(frame.id);
    this.handlers.delete(frame.id);
    handler?.(frame);
  }

  end(): void {
    this.ended = true;
    this.replies.length = 0;
    const handlers = [...this.handlers.values()];
    this.handlers.clear();
    for (const handler of handlers) handler(null);
  }

  reply(sent: Sent, body: object): void {
    if (!this.ended) this.replies.push({ id: sent.id, ...body } as unknown as ServerFrame);
  }

  refuse(sent: Sent, code: string, more: object = {}): void {
    this.reply(sent, { type: 'error', code, message: code, ...more });
  }
}

type Outcome = 'pending' | 'resolved' | 'not_published' | 'unknown';

class World {
  readonly log: Sent[] = [];
  readonly outcomes: Outcome[] = [];
  readonly sessions = new Map<string, number[]>();
  readonly expired = new Set<string>();
  readonly numbers = new Map<string, number>();
  readonly publisher: Publisher;
  connection: ModelConnection | null = null;
  old: ModelConnection[] = [];
  #session: string | null = null;
  #sessionCount = 0;
  #rotate = false;

  constructor() {
    this.publisher = new Publisher({
      maxQueuedPublishes: 10_000,
      maxRoomsPerSession: 10_000,
      nowMs: () => 0,
      onRotate: () => {
        this.publisher.startRotating();
        this.#rotate = true;
      },
      onIdle: () => {},
    });
  }

  publish(): void {
    const content = this.outcomes.length;
    this.outcomes.push('pending');
    this.publisher.publish('r', 'e', content, {}).then(
      () => {
        this.outcomes[content] = 'resolved';
      },
      (error: RoomlogClientError) => {
        this.outcomes[content] = error.details.outcome === 'not_published' ? 'not_published' : 'unknown';
      },
    );
  }

  connect(): void {
    if (this.connection) return;
    const known = this.#session !== null && !(this.#rotate && this.publisher.quiet);
    if (!known) {
      this.#sessionCount += 1;
      this.#rotate = false;
    }
    const session = known && this.#session !== null ? this.#session : `s${this.#sessionCount}`;
    const fresh = session !== this.#session;
    this.#session = session;
    this.connection = new ModelConnection(session);
    this.publisher.connected(this.connection as unknown as Connection, fresh);
  }

  cut(): void {
    if (!this.connection) return;
    this.old.push(this.connection);
    this.connection.end();
    this.connection = null;
    this.publisher.disconnected();
  }

  /** The gateway takes the next request of a connection. */
  take(
    connection: ModelConnection | undefined,
    how: 'produce' | 'forbidden' | 'rate_limited' | 'unavailable' | 'lose',
  ): void {
    const sent = connection?.requests.shift();
    if (!connection || !sent) return;
    if (how === 'produce') {
      const key = `${sent.session}/${sent.pub}`;
      const before = this.numbers.get(key);
      if (before !== undefined && before !== sent.content) throw new Error(`${key} was produced with other content`);
      this.numbers.set(key, sent.content);
      connection.produced.push(sent);
    } else if (how === 'forbidden') connection.refuse(sent, 'forbidden');
    else if (how !== 'lose') connection.refuse(sent, how, { retryAfter: 0 });
    else if (connection === this.connection) this.cut();
  }

  /** The sequencer reads the next record that a gateway produced. */
  sequence(connection: ModelConnection | undefined): void {
    const sent = connection?.produced.shift();
    if (!connection || !sent) return;
    if (this.expired.has(sent.session)) {
      connection.refuse(sent, 'session_unknown');
      return;
    }
    const accepted = this.sessions.get(sent.session) ?? [];
    const last = accepted.length;
    if (sent.pub === last + 1) {
      this.sessions.set(sent.session, [...accepted, sent.content]);
      this.log.push(sent);
      connection.reply(sent, { type: 'ack', seq: this.log.length });
    } else if (sent.pub <= last) {
      if (accepted[sent.pub - 1] === sent.content) connection.reply(sent, { type: 'ack', duplicate: true });
      else connection.refuse(sent, 'session_in_use');
    } else if (last === 0) connection.refuse(sent, 'session_unknown');
    else connection.refuse(sent, 'out_of_order', { expected: last + 1 });
  }

  expire(): void {
    if (this.#session !== null) this.expired.add(this.#session);
  }

  rotateIfQuiet(): void {
    if (!this.#rotate || !this.publisher.quiet || this.#session === null) return;
    this.cut();
    this.connect();
  }

  /** Everything heals: all that is under way arrives, and the publisher gets its answers. */
  settle(): void {
    for (let round = 0; round < 2_000 && !this.publisher.idle; round += 1) {
      this.connect();
      this.rotateIfQuiet();
      for (const connection of [...this.old, this.connection]) {
        if (!connection) continue;
        while (connection.produced.length > 0) this.sequence(connection);
      }
      const { connection } = this;
      while (connection && connection.requests.length > 0) this.take(connection, 'produce');
      while (connection && connection.produced.length > 0) this.sequence(connection);
      while (connection && !connection.ended && connection.replies.length > 0) connection.receive();
      this.publisher.pump();
    }
  }

  check(): void {
    const contents = this.log.map(({ content }) => content);
    expect(new Set(contents).size).toBe(contents.length);
    // One whose outcome the client had to leave open may still come later, from a dead connection.
    const known = contents.filter((content) => this.outcomes[content] !== 'unknown');
    expect(known).toEqual([...known].sort((a, b) => a - b));
    for (const session of this.sessions.values()) expect(session).toEqual([...session].sort((a, b) => a - b));
    for (const [content, outcome] of this.outcomes.entries()) {
      const found = contents.includes(content);
      expect({ content, outcome }).not.toEqual({ content, outcome: 'pending' });
      if (outcome === 'resolved') expect({ content, found }).toEqual({ content, found: true });
      if (outcome === 'not_published') expect({ content, found }).toEqual({ content, found: false });
    }
  }
}

/** One thing that may happen; `which` picks among connections that have ended. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant('publish' as const) },
  { weight: 8, arbitrary: fc.constant('produce' as const) },
  { weight: 8, arbitrary: fc.constant('sequence' as const) },
  { weight: 8, arbitrary: fc.constant('receive' as const) },
  { weight: 1, arbitrary: fc.constantFrom('forbidden' as const, 'rate_limited' as const, 'unavailable' as const) },
  { weight: 1, arbitrary: fc.constantFrom('cut' as const, 'lose' as const, 'expire' as const) },
  {
    weight: 3,
    arbitrary: fc.constantFrom('connect' as const, 'pump' as const, 'zombie' as const, 'zombie-take' as const),
  },
);

function act(world: World, what: string, which: number): void {
  const { connection } = world;
  const zombie = world.old[which % Math.max(1, world.old.length)];
  if (what === 'publish') world.publish();
  else if (what === 'sequence') world.sequence(connection ?? undefined);
  else if (what === 'receive') connection?.receive();
  else if (what === 'cut') world.cut();
  else if (what === 'expire') world.expire();
  else if (what === 'connect') world.connect();
  else if (what === 'pump') world.publisher.pump();
  else if (what === 'zombie') world.sequence(zombie);
  else if (what === 'zombie-take') world.take(zombie, 'produce');
  else world.take(connection ?? undefined, what as 'produce');
  world.rotateIfQuiet();
}

describe('the publisher, whatever gateways and the sequencer do', () => {
  it('has everything sequenced at most once, in order, and tells the truth about it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, fc.nat(3)), { maxLength: 300, size: 'max' }), async (steps) => {
        const world = new World();
        world.connect();
        for (const [what, which] of steps) act(world, what, which);
        world.settle();
        await new Promise((resolve) => setImmediate(resolve));
        world.check();
      }),
      { numRuns: 1_000 },
    );
  }, 60_000);

  it('is judged by a model that notices a client that numbers anew what may have been sequenced', () => {
    const world = new World();
    world.connect();
    world.publish();
    world.take(world.connection ?? undefined, 'produce');
    world.sequence(world.connection ?? undefined);
    const [first] = world.log;
    if (first) world.log.push({ ...first, session: 'another' });
    expect(() => world.check()).toThrow();
  });
});
