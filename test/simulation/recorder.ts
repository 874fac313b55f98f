/** Writes the history of a run, as `test/checker` reads it: what applications saw, and what stood on the wire. */
import type { HistoryLine } from '../checker/history.ts';
import { contentOf } from '../checker/log-line.ts';
import type { Scheduler } from './scheduler.ts';
import type { Tap } from './simulated-socket.ts';

type Unstamped<Line> = Line extends HistoryLine ? Omit<Line, 'process' | 'at'> : never;

export class Recorder {
  readonly lines: HistoryLine[] = [];
  readonly #scheduler: Scheduler;
  readonly #contents = new Map<string, string>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  add(line: Unstamped<HistoryLine>): void {
    this.lines.push({ ...line, process: 'simulation', at: this.#scheduler.now } as HistoryLine);
  }

  /** As the log's contents are named. */
  contentOf(event: string, data: unknown): string {
    const text = JSON.stringify(data);
    const key = `${event} ${text}`;
    const known = this.#contents.get(key) ?? contentOf(event, text);
    this.#contents.set(key, known);
    return known;
  }
}

interface Frame {
  readonly type: string;
  readonly id?: number;
  readonly room?: string;
  readonly seq?: number;
  readonly pub?: number;
  readonly from?: number;
  readonly to?: number;
  readonly cursor?: string;
  readonly after?: string;
  readonly last?: number;
  readonly since?: number;
  readonly session?: string;
  readonly code?: string;
  readonly event?: string;
  readonly data?: unknown;
  readonly events?: readonly Frame[];
}

/** What one client knows over all of its connections. */
export class WireHistory {
  readonly client: string;
  readonly user: string;
  readonly recorder: Recorder;
  /** The seq of every cursor seen, by room and cursor. */
  readonly seqs = new Map<string, number>();
  readonly published = new Set<string>();
  connections = 0;
  readonly #scheduler: Scheduler;

  constructor(client: string, user: string, recorder: Recorder, scheduler: Scheduler) {
    this.client = client;
    this.user = user;
    this.recorder = recorder;
    this.#scheduler = scheduler;
  }

  /** For one more connection. */
  tap(): Tap {
    this.connections++;
    return new WireTap(this, `${this.client}@${this.connections}`, (what) =>
      this.#scheduler.trace.note(this.#scheduler.now, this.client, what),
    );
  }
}

/** Subscriptions of one connection are clients of their own: each has to be without a hole by itself. */
class WireTap implements Tap {
  readonly #wire: WireHistory;
  readonly #name: string;
  readonly #note: (what: string) => void;
  readonly #ops = new Map<number, string>();
  readonly #joins = new Map<number, Frame>();
  #session: string | null = null;

  constructor(wire: WireHistory, name: string, note: (what: string) => void) {
    this.#wire = wire;
    this.#name = name;
    this.#note = note;
  }

  sent(text: string): void {
    const frame = JSON.parse(text) as Frame;
    if (frame.type === 'hello') this.#session = frame.session ?? null;
    if (frame.type === 'join' && frame.id !== undefined) this.#joins.set(frame.id, frame);
    if (frame.type === 'publish' && frame.id !== undefined) this.#published(frame.id, frame);
  }

  received(text: string): void {
    const frame = JSON.parse(text) as Frame;
    const { type, id } = frame;
    if (type === 'welcome') this.#session = frame.session ?? null;
    else if (type === 'event') this.#delivered(frame);
    else if (type === 'batch') for (const event of frame.events ?? []) this.#delivered(event);
    else if (type === 'joined' && id !== undefined) this.#joined(id, frame);
    else if (type === 'live' || type === 'gap') this.#moved(frame);
    else if (id !== undefined && (type === 'ack' || type === 'error')) this.#answered(id, frame);
    if (type === 'reconnect' || type === 'error') this.#note(`${type} ${frame.code ?? ''}`);
  }

  ended(code: number): void {
    this.#note(`connection ended with ${code}`);
    this.#wire.recorder.add({ type: 'close', client: this.#name });
  }

  #published(id: number, { room = '', pub, event = '', data }: Frame): void {
    const { client, user, recorder, published } = this.#wire;
    const content = recorder.contentOf(event, data);
    const op = `${client} ${this.#session} ${room} ${pub} ${content}`;
    this.#ops.set(id, op);
    this.#note(`publishes ${room} ${pub ?? ''} ${JSON.stringify(data)}`);
    if (published.has(op)) return;
    published.add(op);
    const session = pub === undefined ? null : this.#session;
    recorder.add({ type: 'publish', client, room, op, user, session, pub: pub ?? null, content });
  }

  #answered(id: number, { type, seq, code = '' }: Frame): void {
    const { client, recorder } = this.#wire;
    const op = this.#ops.get(id);
    if (op === undefined) return;
    this.#ops.delete(id);
    this.#note(`${type} ${seq ?? code} for ${op}`);
    if (type === 'ack') recorder.add({ type: 'ack', client, op, seq: seq ?? null });
    else recorder.add({ type: 'error', client, op, code, final: false });
  }

  #joined(id: number, { room = '', seq = 0 }: Frame): void {
    const { after, last, since } = this.#joins.get(id) ?? {};
    const from =
      after === 'start'
        ? 0
        : after !== undefined
          ? (this.#wire.seqs.get(`${room} ${after}`) ?? null)
          : last === undefined && since === undefined
            ? seq
            : null;
    this.#note(`joined ${room} behind ${from} of ${seq}`);
    this.#wire.recorder.add({ type: 'join', client: this.#name, room, from });
  }

  #delivered({ room = '', seq, cursor = '', event = '', data }: Frame): void {
    if (seq === undefined) return;
    const { user, recorder, seqs } = this.#wire;
    seqs.set(`${room} ${cursor}`, seq);
    this.#note(`got ${room} ${seq} ${JSON.stringify(data)}`);
    recorder.add({ type: 'delivery', client: this.#name, room, user, seq, content: recorder.contentOf(event, data) });
  }

  #moved({ type, room = '', seq = 0, from = 0, to = 0, cursor = '' }: Frame): void {
    const { recorder, seqs } = this.#wire;
    seqs.set(`${room} ${cursor}`, type === 'live' ? seq : to);
    this.#note(`${type} ${room} ${type === 'live' ? seq : `${from} to ${to}`}`);
    if (type === 'live') recorder.add({ type, client: this.#name, room, seq });
    else recorder.add({ type: 'gap', client: this.#name, room, from, to });
  }
}
