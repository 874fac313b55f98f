/** Outbound logs as sequencers of one partition leave them behind, with claims, answers, zombies' records and repeats between. */
import type { Epoch, Offset, Pub, RoomId, Seq, SessionId, UserId } from '../../core/ids.ts';
import type { OutboundRecord, SequencedEvent } from '../../core/log/record.ts';
import { mintSession } from '../../core/sequencing/uuidv7.ts';

export const LOG_START_MS = 1_800_000_000_000;
const NO_BODY = { claim: null, event: null, answer: null, skipped: null };

/** What happens next: small numbers that a generator can make up. */
export interface Step {
  readonly kind: 'claim' | 'numbered' | 'keyed' | 'plain' | 'answer' | 'stale' | 'repeat' | 'jump' | 'skip';
  readonly room: number;
  readonly who: number;
  /** ms of log time that pass before. */
  readonly passMs: number;
}

/** Builds the log record by record; `records[n]` stands at offset n. */
export class PublishedLog {
  readonly records: OutboundRecord[] = [];
  readonly #seqs = new Map<string, number>();
  readonly #pubs = new Map<string, number>();
  #epoch = -1;
  #inbound = -1;
  #time = LOG_START_MS;

  constructor() {
    this.add({ kind: 'claim', room: 0, who: 0, passMs: 0 });
  }

  add({ kind, room, who, passMs }: Step): void {
    this.#time += passMs;
    if (kind === 'claim') this.#claim();
    else if (kind === 'stale') this.records.push({ ...this.#header(this.#inbound), epoch: (this.#epoch - 1) as Epoch });
    else if (kind === 'repeat') this.#repeat();
    else if (kind === 'skip') this.#skip();
    else if (kind === 'answer') this.records.push({ ...this.#header(++this.#inbound), answer: poison });
    else this.records.push({ ...this.#header(++this.#inbound), event: this.#event(kind, room, who) });
  }

  #claim(): void {
    const header = { epoch: -1 as Epoch, inbound: -1 as Offset, prevInbound: -1 as Offset, inboundTime: 0 };
    const nonce = Buffer.alloc(16, this.records.length);
    this.#epoch = this.records.length;
    this.records.push({ ...header, ...NO_BODY, claim: { nonce, streamId: 's', foldVersion: 1, partitions: 1 } });
  }

  /** An operator's, back to where a recreated inbound begins. */
  #skip(): void {
    this.#claim();
    const { prevInbound } = this.#header(this.#inbound + 1);
    this.#inbound = -1;
    const skipped = { from: 0 as Offset, to: prevInbound, reason: 'recreated' };
    this.records.push({ ...this.#header(-1), prevInbound, inboundTime: 0, skipped });
    this.#claim();
  }

  #repeat(): void {
    const last = this.records.at(-1);
    if (last !== undefined && last.claim === null) this.records.push(last);
  }

  #header(inbound: number): OutboundRecord {
    return {
      epoch: this.#epoch as Epoch,
      inbound: inbound as Offset,
      prevInbound: (inbound - 1) as Offset,
      inboundTime: this.#time,
      ...NO_BODY,
    };
  }

  #event(kind: Step['kind'], room: number, who: number): SequencedEvent {
    const name = `room-${room}`;
    const seq = (this.#seqs.get(name) ?? 0) + 1;
    this.#seqs.set(name, seq);
    const numbered = kind === 'numbered' || kind === 'jump';
    // A session of the hour, so that old ones are left behind and swept.
    const session = numbered ? sessionOf(who, Math.floor(this.#time / 3_600_000) * 3_600_000) : null;
    const publisher = `${session} ${name}`;
    const pub = (this.#pubs.get(publisher) ?? 0) + (kind === 'jump' ? 1 + (who % 70) : 1);
    if (numbered) this.#pubs.set(publisher, pub);
    return {
      room: name as RoomId,
      seq: seq as Seq,
      time: this.#time,
      prev: -1 as Offset,
      user: `user-${who}` as UserId,
      session,
      pub: numbered ? (pub as Pub) : null,
      key: kind === 'keyed' ? `key-${who}` : null,
      origin: null,
      event: 'said',
      contentType: null,
      data: Buffer.from(`{"n":${this.#inbound}}`),
      expiresAt: null,
      traceparent: null,
    };
  }
}

const poison = {
  room: '' as RoomId,
  user: '' as UserId,
  session: null,
  pub: null,
  key: null,
  origin: null,
  code: 'poison' as const,
  seq: null,
  offset: null,
  expected: null,
  reason: 'bad_avro',
};

function sessionOf(who: number, mintedAt: number): SessionId {
  return mintSession(mintedAt, (bytes) => new Uint8Array(bytes).fill(who));
}
