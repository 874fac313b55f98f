/**
 * Publishers and members of many rooms over all gateways of the test stack, by the SDK as its users run it, and what must be
 * true of what they saw: each member every event once, in `seq` order, the same for all; each publish once; each session's
 * publishes in its order; every ack true.
 */
import { expect } from 'vitest';
import { connect, type Published, type RoomEvent, type RoomlogClient } from '../../client/index.ts';
import { stack, token } from './stack.ts';
import { waitFor } from './wait-for.ts';

const SETTLE_WITHIN_MS = 60_000;

interface Member {
  readonly room: string;
  readonly client: RoomlogClient;
  readonly events: RoomEvent[];
}

interface Sent {
  readonly room: string;
  readonly publisher: number;
  readonly number: number;
  readonly published: Published;
}

export interface WorldOptions {
  readonly rooms: number;
  readonly membersPerRoom: number;
  /** Each publishes to every room. */
  readonly publishers: number;
  /** First part of the rooms' names; a fresh one for each test. */
  readonly name: string;
}

export class RoomWorld {
  readonly #options: WorldOptions;
  readonly #members: Member[] = [];
  readonly #publishers: RoomlogClient[] = [];
  readonly #sent: Sent[] = [];
  readonly #problems: string[] = [];
  #asked = 0;

  private constructor(options: WorldOptions) {
    this.#options = options;
  }

  /** Everybody is connected and live when it resolves. Clients are spread over the gateways. */
  static async open(options: WorldOptions): Promise<RoomWorld> {
    const world = new RoomWorld(options);
    const urls = stack().gateways.map(({ ws }) => ws);
    const open = async (user: string, index: number): Promise<RoomlogClient> => {
      const client = connect({ url: urls[index % urls.length] ?? '', token: await token(user) });
      client.on('error', (error) => world.#problems.push(`${user}: ${error.code} ${error.message}`));
      await client.ready();
      return client;
    };
    for (let index = 0; index < options.rooms * options.membersPerRoom; index++) {
      const room = world.roomName(index % options.rooms);
      const client = await open(`member-${index}`, index);
      const member: Member = { room, client, events: [] };
      world.#members.push(member);
      await client.join(room, {
        onEvent: (event) => member.events.push(event),
        onGap: (gap) => world.#problems.push(`gap in ${room}: ${JSON.stringify(gap)}`),
        onEnd: (error) => world.#problems.push(`${room} ended: ${error.code}`),
      });
    }
    for (let index = 0; index < options.publishers; index++) {
      world.#publishers.push(await open(`publisher-${index}`, index));
    }
    return world;
  }

  roomName(index: number): string {
    return `${this.#options.name}/${index}`;
  }

  get acked(): number {
    return this.#sent.length;
  }

  /** Every publisher publishes `count` numbered events, round robin over the rooms. Resolves when all are acked. */
  async publish(count: number): Promise<void> {
    const { rooms } = this.#options;
    const from = this.#asked;
    this.#asked += count;
    await Promise.all(
      this.#publishers.map((client, publisher) =>
        Promise.all(
          Array.from({ length: count }, async (_, index) => {
            const number = from + index;
            const room = this.roomName((number + publisher) % rooms);
            const published = await client.publish(room, 'numbered', { publisher, number });
            this.#sent.push({ room, publisher, number, published });
          }),
        ),
      ),
    );
  }

  /** Waits until every member has as many events as were acked in its room. */
  async settle(): Promise<void> {
    const expected = new Map<string, number>();
    for (const { room } of this.#sent) expected.set(room, (expected.get(room) ?? 0) + 1);
    await waitFor(() => this.#members.every(({ room, events }) => events.length >= (expected.get(room) ?? 0)), {
      withinMs: SETTLE_WITHIN_MS,
      what: 'every acked event at every member',
    });
  }

  /** Throws with the first thing that is not as promised. */
  check(): void {
    expect(this.#problems).toEqual([]);
    expect(this.#sent.length).toBe(this.#asked * this.#publishers.length);
    const orders = new Map<string, string>();
    for (const { room, events } of this.#members) {
      expect(
        events.map(({ seq }) => seq),
        `seqs of a member of ${room}`,
      ).toEqual(events.map((_, index) => index + 1));
      const order = JSON.stringify(events.map(({ seq, data }) => [seq, data]));
      expect(order, `two members of ${room} saw the same`).toBe(orders.get(room) ?? order);
      orders.set(room, order);
      this.#checkSessions(room, events);
    }
    this.#checkAcks();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members.map(({ client }) => client), ...this.#publishers].map((one) => one.close()));
  }

  #checkSessions(room: string, events: readonly RoomEvent[]): void {
    const last = new Map<number, number>();
    for (const { data } of events) {
      const { publisher, number } = data as { publisher: number; number: number };
      expect(number, `${room}: publisher ${publisher} in its order, nothing twice`).toBeGreaterThan(
        last.get(publisher) ?? -1,
      );
      last.set(publisher, number);
    }
  }

  #checkAcks(): void {
    const at = new Map<string, unknown>();
    for (const { room, events } of this.#members) for (const { seq, data } of events) at.set(`${room} ${seq}`, data);
    for (const { room, publisher, number, published } of this.#sent) {
      // A duplicate older than the last 32 is acked without its seq.
      if (published.seq === undefined) continue;
      expect(at.get(`${room} ${published.seq}`), `the ack of ${number} by publisher ${publisher}`).toEqual({
        publisher,
        number,
      });
    }
  }
}
