/** One client as a real one behaves: connects, joins, reads, publishes, comes back where it was, and goes when all has come. */
import { complain } from './complain.ts';
import { Connection } from './connection.ts';
import type { ServerFrame } from './frame.ts';
import { ackMs, connectMs, deliveryMs, lateMs, recovered, recoveryMs } from './metrics.ts';
import type { RoomPublisher } from './room-publisher.ts';
import type { RoomReader } from './room-reader.ts';
import type { Tally } from './tally.ts';

export interface MemberRoom {
  readonly name: string;
  /** null: it publishes there without reading. */
  readonly reader: RoomReader | null;
  readonly publisher: ((events: ConstructorParameters<typeof RoomPublisher>[1]) => RoomPublisher) | null;
}

export interface MemberOptions {
  readonly number: number;
  readonly url: string;
  readonly token: () => string;
  readonly rooms: readonly MemberRoom[];
  readonly tally: Tally;
  /** Ask for `batch` frames. */
  readonly batch: boolean;
  /** One delivery in so many is timed. */
  readonly sample: number;
  /** It stays at least until then, and has to be answered a ping after it; ms since the epoch. */
  readonly stayUntilMs: number | null;
  /** Called once: all that it waits for has come. */
  done(): void;
}

export class Member {
  readonly #options: MemberOptions;
  readonly #connection: Connection;
  readonly #readers = new Map<string, RoomReader>();
  readonly #publishers: RoomPublisher[] = [];
  readonly #publisherOfRoom = new Map<string, RoomPublisher>();
  /** Which publisher a command's answer belongs to. */
  readonly #publisherOfId = new Map<number, RoomPublisher>();
  #session: string | null = null;
  #wokenAtMs = Number.POSITIVE_INFINITY;
  #wake: ReturnType<typeof setTimeout> | null = null;
  #pingId = 0;
  #ponged = false;
  #away = false;
  #resuming = false;
  #joinsToCome = 0;
  #sampled = 0;
  /** When the frame in hand was read. */
  #receivedMs = 0;
  #over = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#connection = new Connection(options.url, {
      hello: () => this.#hello(),
      frame: (frame, receivedMs) => this.#frame(frame, receivedMs),
      lost: () => this.#lost(),
    });
    for (const room of options.rooms) {
      if (room.reader !== null) this.#readers.set(room.name, room.reader);
      const publisher = room.publisher?.({
        sent: (dueMs, nowMs) => {
          options.tally.published++;
          lateMs.add(Math.max(0, nowMs - dueMs));
        },
        acked: (dueMs) => {
          options.tally.acked++;
          ackMs.add(Math.max(0, this.#receivedMs - dueMs));
        },
        refused: (code) => {
          options.tally.refused++;
          complain(`client ${options.number}: publish refused, trying again: ${code}`);
        },
      });
      if (publisher === undefined) continue;
      this.#publishers.push(publisher);
      this.#publisherOfRoom.set(room.name, publisher);
    }
  }

  start(): void {
    this.#connection.open();
    if (this.#options.stayUntilMs !== null) {
      setTimeout(() => this.#ping(), Math.max(0, this.#options.stayUntilMs - Date.now()));
    }
  }

  /** Goes away on purpose, and comes back after that long. */
  leaveFor(ms: number): void {
    if (this.#over || this.#away) return;
    this.#away = true;
    this.#connection.close();
    this.#disconnected();
    setTimeout(() => {
      if (this.#over) return;
      this.#away = false;
      for (const publisher of this.#publishers) publisher.skipTo(Date.now());
      this.#connection.open();
    }, ms);
  }

  /** Time is up: what is missing counts as lost. */
  giveUp(): void {
    if (this.#over) return;
    complain(`client ${this.#options.number} did not get all: ${this.#missing()}`);
    this.#end();
  }

  #hello(): object {
    const { token, batch, rooms } = this.#options;
    this.#resuming = false;
    const joins = [];
    for (const { name, reader } of rooms) {
      if (reader === null) continue;
      if (reader.cursor !== null) this.#resuming = true;
      joins.push({ id: this.#connection.takeId(), room: name, after: reader.cursor ?? 'start' });
    }
    this.#joinsToCome = joins.length;
    return {
      token: token(),
      ...(batch ? { batch } : {}),
      ...(this.#session === null ? {} : { session: this.#session }),
      ...(joins.length === 0 ? {} : { rooms: joins }),
    };
  }

  #frame(frame: ServerFrame, receivedMs: number): void {
    this.#receivedMs = receivedMs;
    if (frame.type === 'event') this.#event(frame, receivedMs);
    else if (frame.type === 'batch') for (const event of frame.events ?? []) this.#event(event, receivedMs);
    else {
      this.#answer(frame, receivedMs);
      this.#endWhenDone();
    }
  }

  /** As little as can be: k6's JavaScript is slow, and this is where its time goes. */
  #event(frame: ServerFrame, receivedMs: number): void {
    const reader = this.#readers.get(frame.room ?? '');
    if (reader === undefined || frame.seq === undefined) return;
    const payload = frame.data;
    if (!reader.event(frame.seq, frame.cursor ?? '', payload)) return;
    this.#options.tally.delivered++;
    if (reader.live && typeof payload?.due === 'number' && this.#sampled++ % this.#options.sample === 0) {
      deliveryMs.add(Math.max(0, receivedMs - payload.due));
    }
    if (payload?.end === true || payload?.from === this.#options.number) this.#endWhenDone();
  }

  #answer(frame: ServerFrame, receivedMs: number): void {
    const reader = this.#readers.get(frame.room ?? '');
    switch (frame.type) {
      case 'welcome':
        this.#welcome(frame.session ?? '', receivedMs);
        break;
      case 'joined':
        if (this.#resuming && reader?.cursor !== null) recovered.add(frame.recovered === true);
        break;
      case 'live':
        reader?.caughtUp(frame.seq ?? 0, frame.cursor ?? '');
        this.#joinsToCome--;
        if (this.#joinsToCome === 0 && this.#resuming) recoveryMs.add(receivedMs - this.#connection.openedMs);
        break;
      case 'gap':
        complain(`client ${this.#options.number}: a gap in ${frame.room}, ${frame.from} to ${frame.to}`);
        reader?.gap(frame.from ?? 0, frame.to ?? 0, frame.cursor ?? '');
        break;
      case 'pong':
        this.#ponged = frame.id === this.#pingId;
        break;
      case 'ack':
      case 'error':
        this.#outcome(frame);
        break;
    }
  }

  #welcome(session: string, receivedMs: number): void {
    connectMs.add(receivedMs - this.#connection.openedMs);
    if (this.#session !== null && this.#session !== session) {
      this.#options.tally.errors++;
      complain(`client ${this.#options.number}: its session was not taken up again`);
    }
    this.#session = session;
    for (const publisher of this.#publishers) {
      publisher.connected((frame) => {
        const id = this.#connection.send(frame);
        this.#publisherOfId.set(id, publisher);
        return id;
      });
    }
    if (this.#options.stayUntilMs !== null && Date.now() >= this.#options.stayUntilMs) this.#ping();
    this.#tick();
  }

  #outcome(frame: ServerFrame): void {
    const id = frame.id ?? 0;
    const publisher = this.#publisherOfId.get(id);
    this.#publisherOfId.delete(id);
    const inOrder = publisher?.answer(id, frame, Date.now()) ?? frame.type === 'ack';
    if (!inOrder) {
      this.#options.tally.errors++;
      complain(`client ${this.#options.number}: ${frame.code}: ${frame.message}`);
    }
    this.#tick();
  }

  /** Publishes what is due, and sees to it that it is called again. */
  #tick(): void {
    let nextMs = Number.POSITIVE_INFINITY;
    const nowMs = Date.now();
    for (const publisher of this.#publishers) nextMs = Math.min(nextMs, publisher.tick(nowMs) ?? nextMs);
    if (nextMs >= this.#wokenAtMs || nextMs === Number.POSITIVE_INFINITY || this.#over) return;
    if (this.#wake !== null) clearTimeout(this.#wake);
    this.#wokenAtMs = nextMs;
    this.#wake = setTimeout(
      () => {
        this.#wake = null;
        this.#wokenAtMs = Number.POSITIVE_INFINITY;
        this.#tick();
      },
      Math.max(1, nextMs - nowMs),
    );
  }

  #ping(): void {
    if (!this.#over) this.#pingId = this.#connection.send({ type: 'ping' });
  }

  #lost(): void {
    this.#options.tally.disconnects++;
    this.#disconnected();
  }

  #disconnected(): void {
    this.#publisherOfId.clear();
    for (const publisher of this.#publishers) publisher.disconnected();
    for (const reader of this.#readers.values()) reader.live = false;
  }

  #missing(): string {
    const { number, stayUntilMs } = this.#options;
    const missing: string[] = [];
    if (this.#session === null) missing.push('a welcome');
    if (stayUntilMs !== null && !this.#ponged) missing.push('the pong to its last ping');
    for (const [room, reader] of this.#readers) {
      const publisher = this.#publisherOfRoom.get(room);
      if (!reader.complete) missing.push(`the end of ${room}`);
      if (!reader.live && !reader.complete) missing.push(`live in ${room}`);
      if (publisher !== undefined && reader.seenOf(number) < publisher.count) missing.push(`own events in ${room}`);
    }
    if (this.#publishers.some((publisher) => !publisher.finished)) missing.push('acks');
    return missing.slice(0, 3).join(', ');
  }

  #endWhenDone(): void {
    if (this.#over || !this.#hasAll()) return;
    this.#options.tally.clients_done++;
    this.#end();
  }

  #hasAll(): boolean {
    for (const publisher of this.#publishers) if (!publisher.finished) return false;
    if (this.#session === null || (this.#options.stayUntilMs !== null && !this.#ponged)) return false;
    for (const [room, reader] of this.#readers) {
      if (!reader.complete || !reader.live) return false;
      const publisher = this.#publisherOfRoom.get(room);
      if (publisher !== undefined && reader.seenOf(this.#options.number) < publisher.count) return false;
    }
    return true;
  }

  #end(): void {
    this.#over = true;
    if (this.#wake !== null) clearTimeout(this.#wake);
    for (const reader of this.#readers.values()) reader.close();
    this.#connection.close();
    this.#options.done();
  }
}
