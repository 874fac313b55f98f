/**
 * Valid histories with their logs, for testing the checker: what clients of a faultless system could have seen, with
 * everything that must not be held against it: unknown outcomes, refusals, repeats, zombies' records, gaps, reconnects, late
 * answers, pipelined publishes, a fault.
 */
import type { HistoryLine, PublishLine } from './history.ts';
import type { LogEvent, LogLine } from './log-line.ts';

export interface Run {
  readonly history: HistoryLine[];
  readonly log: LogLine[];
}

/** Presence is told at once here, so that a short bound does. */
export const GENERATED_PRESENCE_WITHIN_MS = 50;
/** Nobody joins this one; it has a partition of its own, so that its log can be changed without anyone having seen it. */
export const LONELY = 'lonely';
const ROOMS = ['red', 'blue', LONELY] as const;
const STEPS = 260;

/** Small, fast, seeded: mulberry32. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

interface Subscriber {
  readonly client: string;
  readonly user: string;
  readonly room: string;
  state: 'out' | 'in' | 'closed';
  position: number;
  connection: string | null;
}

interface Partition {
  readonly number: number;
  offset: number;
  epoch: number;
  inbound: number;
  last: number;
}

export function generate(seed: number): Run {
  return new Generator(seed).run();
}

class Generator {
  readonly #random: (below: number) => number;
  readonly #history: HistoryLine[] = [];
  readonly #log: LogLine[] = [];
  readonly #rooms = new Map<string, LogEvent[]>(ROOMS.map((room) => [room, []]));
  readonly #partitions = new Map<string, Partition>();
  readonly #pubs = new Map<string, number>();
  /** Sent, not sequenced: in order, by publisher and room. */
  readonly #sent = new Map<string, PublishLine[]>();
  readonly #logged: Array<{ publish: PublishLine; seq: number }> = [];
  readonly #subscribers: Subscriber[] = [];
  readonly #members = new Map<string, Map<string, string>>(ROOMS.map((room) => [room, new Map()]));
  #at = 1_000;
  #names = 0;

  constructor(seed: number) {
    this.#random = randomOf(seed);
  }

  run(): Run {
    for (const [number, room] of ROOMS.entries()) {
      this.#partitions.set(room, { number, offset: 0, epoch: -1, inbound: 0, last: -1 });
      this.#claim(room);
    }
    for (let index = 0; index < 4; index++) {
      const user = `reader-${index}`;
      this.#write({ type: 'rights', user, rooms: index === 0 ? 'all' : ['red', 'blue'] });
      for (const room of ['red', 'blue']) {
        const subscriber = { client: `s${index}`, user, room, position: 0, connection: null, state: 'out' as const };
        this.#subscribers.push(subscriber);
      }
    }
    for (let step = 0; step < STEPS; step++) {
      if (step === 80) this.#write({ type: 'fault', fault: 'broker-killed', phase: 'begin' });
      if (step === 90) this.#write({ type: 'fault', fault: 'broker-killed', phase: 'seen' });
      if (step === 110) this.#write({ type: 'fault', fault: 'broker-killed', phase: 'heal' });
      this.#step();
    }
    this.#finish();
    return { history: this.#history, log: this.#log };
  }

  #step(): void {
    const dice = this.#random(100);
    if (dice < 25) this.#publish();
    else if (dice < 45) this.#sequence(this.#pick([...this.#sent.keys()]));
    else if (dice < 58) this.#answer();
    else if (dice < 85) this.#deliver(this.#pick(this.#subscribers));
    else if (dice < 95) this.#comeOrGo(this.#pick(this.#subscribers));
    else this.#disturb(this.#pick(ROOMS) ?? LONELY);
  }

  #finish(): void {
    for (let extra = 0; extra < 8; extra++) this.#publish();
    for (const name of this.#sent.keys()) while ((this.#sent.get(name)?.length ?? 0) > 0) this.#sequence(name);
    while (this.#logged.length > 0) this.#answer();
    for (const subscriber of this.#subscribers) {
      if (subscriber.state === 'out') this.#comeOrGo(subscriber);
      while (subscriber.state === 'in' && subscriber.position < this.#head(subscriber.room)) this.#deliver(subscriber);
    }
    this.#at += GENERATED_PRESENCE_WITHIN_MS + 10;
    for (const subscriber of this.#subscribers) if (subscriber.state === 'in') this.#tellMembers(subscriber);
    this.#write({ type: 'end', drained: true });
  }

  #publish(): void {
    const client = `p${this.#random(3)}`;
    const room = this.#pick(ROOMS) ?? LONELY;
    const kind = this.#random(10);
    const numbered = kind < 7;
    const session = numbered ? `session-${client}` : null;
    const name = `${client} ${room}`;
    const pub = numbered ? (this.#pubs.get(name) ?? 0) + 1 : null;
    const op = `op-${++this.#names}`;
    const key = kind === 7 ? `key-${op}` : null;
    const line = { op, client, room, user: `user-${client}`, session, pub, key, content: `content-${op}` };
    const publish = this.#write({ type: 'publish', ...line }) as PublishLine;
    if (this.#random(10) === 0) {
      // Nothing was produced, and the number is free again.
      this.#write({ type: 'error', client, op, code: 'rate_limited', final: true });
      return;
    }
    if (pub !== null) this.#pubs.set(name, pub);
    const sent = this.#sent.get(name) ?? [];
    this.#sent.set(name, sent);
    sent.push(publish);
  }

  #sequence(name: string | undefined): void {
    const publish = name === undefined ? undefined : this.#sent.get(name)?.shift();
    if (publish === undefined) return;
    const { room, user, session, pub, key = null, content, op, client } = publish;
    // Without a number it may get lost without harm to those behind it: its publisher never learns.
    if (pub === null && this.#random(4) === 0) {
      if (this.#random(2) === 0) this.#write({ type: 'error', client, op, code: 'outcome_unknown', final: false });
      return;
    }
    const times = pub === null && key === null && this.#random(5) === 0 ? 2 : 1;
    for (let time = 0; time < times; time++) {
      const seq = this.#head(room) + 1;
      this.#append(room, { room, seq, user, session, pub, key, content });
      this.#rooms.get(room)?.push({ room, seq, user, session, pub, key, content });
      if (time === 0) this.#logged.push({ publish, seq });
    }
  }

  #answer(): void {
    const [logged] = this.#logged.splice(this.#random(this.#logged.length), 1);
    if (logged === undefined || this.#random(12) === 0) return;
    const { op, client } = logged.publish;
    this.#write({ type: 'ack', client, op, seq: this.#random(15) === 0 ? null : logged.seq });
  }

  #deliver(subscriber: Subscriber | undefined): void {
    if (subscriber?.state !== 'in') return;
    const { client, user, room } = subscriber;
    const event = this.#rooms.get(room)?.[subscriber.position];
    if (event === undefined) {
      if (this.#random(4) === 0) this.#write({ type: 'live', client, room, seq: subscriber.position });
      return;
    }
    subscriber.position++;
    this.#write({ type: 'delivery', client, user, room, seq: event.seq, content: event.content });
  }

  #comeOrGo(subscriber: Subscriber | undefined): void {
    if (subscriber === undefined) return;
    const { client, room } = subscriber;
    if (subscriber.state === 'in' && this.#random(2) === 0) {
      this.#write({ type: 'leave', client, room });
      this.#leavePresence(subscriber);
      subscriber.state = 'out';
    } else if (subscriber.state === 'in') {
      this.#write({ type: 'close', client });
      for (const each of this.#subscribers) {
        if (each.client !== client || each.state !== 'in') continue;
        each.state = 'closed';
        this.#leavePresence(each);
      }
    } else {
      const connection = `connection-${++this.#names}`;
      if (subscriber.state === 'closed') {
        this.#write({ type: 'resume', client, room, seq: subscriber.position, connection });
        this.#passRetention(subscriber);
      } else {
        const live = this.#random(2) === 0;
        subscriber.position = live ? this.#head(room) : 0;
        this.#write({ type: 'join', client, room, from: subscriber.position, connection });
      }
      subscriber.state = 'in';
      subscriber.connection = connection;
      this.#members.get(room)?.set(connection, client);
      this.#tellMembers(subscriber);
      this.#tellOthers(subscriber, { joined: [connection], left: [] });
    }
  }

  #passRetention(subscriber: Subscriber): void {
    const { client, room, position } = subscriber;
    const missed = this.#head(room) - position;
    if (missed < 2 || this.#random(2) === 0) return;
    const to = position + 1 + this.#random(missed);
    this.#write({ type: 'gap', client, room, from: position + 1, to });
    subscriber.position = to;
  }

  #leavePresence(subscriber: Subscriber): void {
    const { connection, room } = subscriber;
    if (connection === null) return;
    subscriber.connection = null;
    this.#members.get(room)?.delete(connection);
    this.#tellOthers(subscriber, { joined: [], left: [connection] });
  }

  #tellMembers({ client, room }: Subscriber): void {
    this.#write({ type: 'members', client, room, members: [...(this.#members.get(room)?.keys() ?? [])] });
  }

  #tellOthers(subscriber: Subscriber, change: { joined: string[]; left: string[] }): void {
    for (const other of this.#subscribers) {
      if (other === subscriber || other.room !== subscriber.room || other.state !== 'in') continue;
      this.#write({ type: 'presence', client: other.client, room: other.room, ...change });
    }
  }

  /** What the log holds beside events: takeovers, zombies, repeats, answers. */
  #disturb(room: string): void {
    const dice = this.#random(4);
    const previous = this.#log.findLast((line) => line.partition === this.#partition(room).number);
    if (dice === 0) this.#claim(room);
    else if (dice === 1) this.#append(room, null);
    else if (dice === 2 && previous !== undefined && !previous.claim) {
      this.#log.push({ ...previous, offset: this.#partition(room).offset++ });
    } else {
      const zombie = { room, seq: 1, user: 'user-p0', session: null, pub: null, key: null, content: 'content-zombie' };
      const { number, epoch, last } = this.#partition(room);
      this.#claim(room);
      const header = { epoch, inbound: last + 1, prevInbound: last, claim: false };
      this.#log.push({ partition: number, offset: this.#partition(room).offset++, ...header, event: zombie });
    }
  }

  #claim(room: string): void {
    const partition = this.#partition(room);
    partition.epoch = partition.offset++;
    const header = { epoch: -1, inbound: -1, prevInbound: -1, claim: true, event: null };
    this.#log.push({ partition: partition.number, offset: partition.epoch, ...header });
  }

  #append(room: string, event: LogEvent | null): void {
    const partition = this.#partition(room);
    const header = { epoch: partition.epoch, inbound: partition.inbound, prevInbound: partition.last, claim: false };
    this.#log.push({ partition: partition.number, offset: partition.offset++, ...header, event });
    partition.last = partition.inbound;
    // Delivered offsets may be sparse.
    partition.inbound += 1 + this.#random(2);
  }

  #partition(room: string): Partition {
    return this.#partitions.get(room) as Partition;
  }

  #head(room: string): number {
    return this.#rooms.get(room)?.length ?? 0;
  }

  #pick<T>(all: readonly T[]): T | undefined {
    return all[this.#random(all.length)];
  }

  #write(line: Record<string, unknown> & { readonly type: HistoryLine['type'] }): HistoryLine {
    this.#at += 1 + this.#random(3);
    const written = { process: String(line.client ?? 'harness'), at: this.#at, ...line } as unknown as HistoryLine;
    this.#history.push(written);
    return written;
  }
}
