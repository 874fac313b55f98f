/** One SDK client of the load, and the history of what it did and saw. */
import { connect, type RoomlogClient } from '../../../client/index.ts';
import type { RoomId } from '../../../core/ids.ts';
import { partitionOf } from '../../../core/log/partition.ts';
import { contentOf } from '../../checker/log-line.ts';
import type { ClientPlan, RoomPlan } from './messages.ts';
import type { Recorder } from './recorder.ts';
import { type Tap, type TappedSocket, tappedSockets } from './tapped-socket.ts';

export const EVENT = 'numbered';
/** Publishes of one client without an answer, above which it waits. */
const MAX_PENDING = 24;
/** Cursors remembered of a room; the SDK resumes from the newest one that it handled. */
const CURSORS_KEPT = 8;
const BACKOFF = { minMs: 100, maxMs: 1_000 };

/** Counts of one process, over all its clients. */
export interface Tally {
  published: number;
  acked: number;
  delivered: number;
  readonly ackedSentAt: number[];
  readonly ackedAt: number[];
  readonly errors: Record<string, number>;
  readonly closes: Record<string, number>;
  readonly problems: string[];
}

type Frame = Record<string, unknown> & { readonly type: string; readonly id?: number; readonly room?: string };
interface Sent {
  readonly op: string;
  readonly room: string;
  readonly at: number;
}

export class LoadClient {
  readonly sdk: RoomlogClient;
  readonly #plan: ClientPlan;
  readonly #recorder: Recorder;
  readonly #tally: Tally;
  readonly #partitions: number;
  #socket: TappedSocket | null = null;
  #numbers = 0;
  /** By op. */
  readonly #sent = new Map<string, Sent>();
  /** The newest op of each number that has no answer yet. */
  readonly #unanswered = new Map<number, string>();
  readonly #seqs = new Map<string, Map<string, number>>();
  readonly #positions = new Map<string, number>();

  constructor(plan: ClientPlan, pick: () => string, partitions: number, recorder: Recorder, tally: Tally) {
    this.#plan = plan;
    this.#recorder = recorder;
    this.#tally = tally;
    this.#partitions = partitions;
    this.sdk = connect({
      url: 'ws://any',
      token: plan.token,
      backoff: BACKOFF,
      connectTimeoutMs: 4_000,
      pongTimeoutMs: 3_000,
      webSocket: tappedSockets(pick, (socket) => this.#tap(socket)),
    });
    this.sdk.on('error', (error) => {
      // A hole that no gap announced: the checker sees it too, from the deliveries.
      if (error.code === 'hole') tally.problems.push(`${plan.name}: ${error.message}`);
    });
    this.sdk.on('state', (state) => {
      if (state.state === 'closed' && state.error !== null) {
        tally.problems.push(`${plan.name} ended: ${state.error.code} ${state.error.message}`);
      }
    });
  }

  get name(): string {
    return this.#plan.name;
  }

  /** Resolves when all rooms are joined. */
  async join(): Promise<void> {
    await Promise.all(this.#plan.joins.map((plan) => this.#join(plan)));
  }

  /** Publishes once more, unless too much waits for its answer. */
  publish(): void {
    const { publishes } = this.#plan;
    if (publishes.length === 0 || this.sdk.pending >= MAX_PENDING) return;
    this.#numbers += 1;
    const number = this.#numbers;
    const room = publishes[number % publishes.length] ?? '';
    this.sdk.publish(room, EVENT, { by: this.name, n: number }).then(
      () => void this.#unanswered.delete(number),
      (error: { code?: string; details?: { outcome?: string } }) => {
        const op = this.#unanswered.get(number);
        this.#unanswered.delete(number);
        if (op === undefined) return;
        const final = error.details?.outcome === 'not_published';
        this.#recorder.write({ type: 'error', client: this.name, op, code: error.code ?? 'unknown', final });
      },
    );
  }

  /** Loses the connection. */
  drop(): void {
    this.#socket?.terminate();
  }

  /** What is not yet where the log's heads are; [] when everything came. */
  behind(heads: Readonly<Record<string, number>>): string[] {
    return this.#plan.joins.flatMap(({ room }) => {
      const at = this.#positions.get(room) ?? 0;
      const head = heads[room] ?? 0;
      return at < head ? [`${this.name} is at ${room} ${at} of ${head}`] : [];
    });
  }

  async #join({ room, from, presence }: RoomPlan): Promise<void> {
    const { view, user } = this.#plan;
    await this.sdk.join(room, {
      ...(from === 'start' ? { after: 'start' } : {}),
      ...(presence ? { presence: true } : {}),
      onEvent: (event) => {
        if (view !== 'sdk') return;
        this.#tally.delivered += 1;
        const content = contentOf(event.event, JSON.stringify(event.data));
        this.#recorder.write({ type: 'delivery', client: this.name, room, user, seq: event.seq, content });
      },
      onEnd: (error) => void this.#tally.problems.push(`${this.name} lost ${room}: ${error.code} ${error.message}`),
    });
  }

  /** Watches one connection. */
  #tap(socket: TappedSocket): Tap {
    this.#socket = socket;
    /** Requests on this connection, by id. */
    const joins = new Map<number, { after?: string; presence?: boolean }>();
    const publishes = new Map<number, Sent>();
    let session = '';
    let connection = '';
    return {
      sent: (text) => {
        const frame = JSON.parse(text) as Frame;
        if (frame.id === undefined) return;
        if (frame.type === 'join') {
          const asked = frame as { after?: string; presence?: boolean };
          joins.set(frame.id, asked);
          if (asked.presence === true) {
            this.#recorder.write({ type: 'asked', client: this.name, room: frame.room ?? '', connection });
          }
        }
        if (frame.type === 'publish') publishes.set(frame.id, this.#publishSent(frame, session));
      },
      received: (text) => {
        const frame = JSON.parse(text) as Frame;
        if (frame.type === 'welcome') {
          session = String(frame.session);
          connection = String(frame.connection);
        } else if (frame.type === 'joined') this.#joined(frame, joins.get(frame.id ?? -1) ?? {}, connection);
        else if (frame.type === 'ack') this.#acked(frame, publishes.get(frame.id ?? -1));
        else if (frame.type === 'error') this.#refused(frame, publishes.get(frame.id ?? -1));
        else this.#arrived(frame);
      },
      closed: (code) => {
        const reason = code === null ? 'own' : String(code);
        this.#tally.closes[reason] = (this.#tally.closes[reason] ?? 0) + 1;
        this.#recorder.write({ type: 'close', client: this.name });
      },
    };
  }

  /** The first time it stands on the wire under this number and session is the publish; later ones are part of it. */
  #publishSent(frame: Frame, session: string): Sent {
    const data = frame.data as { n: number };
    const room = frame.room ?? '';
    const pub = Number(frame.pub);
    const op = `${this.name}/${data.n}/${session.slice(-8)}/${pub}`;
    const known = this.#sent.get(op);
    if (known !== undefined) return known;
    this.#tally.published += 1;
    this.#unanswered.set(data.n, op);
    const at = this.#recorder.write({
      type: 'publish',
      client: this.name,
      op,
      room,
      user: this.#plan.user,
      session,
      pub,
      content: contentOf(String(frame.event), JSON.stringify(data)),
    });
    const sent = { op, room, at };
    this.#sent.set(op, sent);
    return sent;
  }

  #acked(frame: Frame, sent: Sent | undefined): void {
    if (sent === undefined) {
      this.#tally.problems.push(`${this.name} got an ack for nothing: ${JSON.stringify(frame)}`);
      return;
    }
    this.#tally.acked += 1;
    const seq = typeof frame.seq === 'number' ? frame.seq : null;
    const at = this.#recorder.write({ type: 'ack', client: this.name, op: sent.op, seq });
    const partition = partitionOf(sent.room as RoomId, this.#partitions);
    const { ackedSentAt, ackedAt } = this.#tally;
    ackedSentAt[partition] = Math.max(ackedSentAt[partition] ?? 0, sent.at);
    ackedAt[partition] = at;
  }

  #refused(frame: Frame, sent: Sent | undefined): void {
    const code = String(frame.code);
    if (sent === undefined) return;
    this.#tally.errors[code] = (this.#tally.errors[code] ?? 0) + 1;
    // The SDK may send it again, so nothing is final before its promise says so.
    this.#recorder.write({ type: 'error', client: this.name, op: sent.op, code, final: false });
  }

  #joined(frame: Frame, asked: { after?: string; presence?: boolean }, connection: string): void {
    const room = frame.room ?? '';
    const part = asked.presence === true ? { connection } : {};
    const head = { client: this.name, room, ...part };
    if (asked.after === undefined || asked.after === 'start') {
      const from = asked.after === 'start' ? 0 : Number(frame.seq);
      this.#positions.set(room, from);
      this.#recorder.write({ type: 'join', ...head, from });
    } else {
      const seq = this.#seqs.get(room)?.get(asked.after);
      if (seq === undefined) this.#tally.problems.push(`${this.name} resumed ${room} from a cursor that it never got`);
      this.#recorder.write({ type: 'resume', ...head, seq: seq ?? 0 });
    }
    if (asked.presence === true && frame.members !== undefined) this.#members(room, frame.members);
  }

  #arrived(frame: Frame): void {
    if (frame.type === 'batch') {
      for (const event of frame.events as Frame[]) this.#arrived({ ...event, type: 'event' });
      return;
    }
    const room = frame.room ?? '';
    const client = this.name;
    if (frame.type === 'event' && typeof frame.seq === 'number') {
      const seq = frame.seq;
      this.#at(room, seq, String(frame.cursor));
      if (this.#plan.view !== 'wire') return;
      this.#tally.delivered += 1;
      const content = contentOf(String(frame.event), JSON.stringify(frame.data));
      this.#recorder.write({ type: 'delivery', client, room, user: this.#plan.user, seq, content });
    } else if (frame.type === 'gap') {
      this.#at(room, Number(frame.to), String(frame.cursor));
      this.#recorder.write({ type: 'gap', client, room, from: Number(frame.from), to: Number(frame.to) });
    } else if (frame.type === 'live') {
      this.#at(room, Number(frame.seq), String(frame.cursor));
      this.#recorder.write({ type: 'live', client, room, seq: Number(frame.seq) });
    } else if (frame.type === 'members') this.#members(room, frame);
    else if (frame.type === 'presence') {
      const names = (members: unknown) => (members as { connection: string }[]).map((member) => member.connection);
      this.#recorder.write({ type: 'presence', client, room, joined: names(frame.joined), left: names(frame.left) });
    }
  }

  #members(room: string, list: unknown): void {
    const { members } = list as { members?: { connection: string }[] };
    if (members === undefined) return;
    const names = members.map((member) => member.connection);
    this.#recorder.write({ type: 'members', client: this.name, room, members: names });
  }

  #at(room: string, seq: number, cursor: string): void {
    this.#positions.set(room, Math.max(this.#positions.get(room) ?? 0, seq));
    const known = this.#seqs.get(room) ?? new Map<string, number>();
    this.#seqs.set(room, known);
    known.set(cursor, seq);
    if (known.size > CURSORS_KEPT) known.delete(known.keys().next().value as string);
  }
}
