/**
 * Two writers, one partition and a network that delays, drops and repeats, all driven by a list of steps, so that a
 * property test can search for the order of events that breaks the log. It follows the writer's rules of ADR 0001 with
 * the real `Fold` and `Decider`, and nothing else of the sequencer.
 */
import type { Epoch, Offset, Pub, RoomId, SessionId, UserId } from '../../../core/ids.ts';
import { Chain } from '../../../core/log/chain.ts';
import { type DigestOf, digestOf } from '../../../core/log/digest.ts';
import { Fold } from '../../../core/log/fold.ts';
import type { Claim, InboundEvent, OutboundRecord } from '../../../core/log/record.ts';
import { Decider } from '../../../core/sequencing/decide.ts';

export const START_MS = 1_800_000_000_000;
export const KEY_WINDOW_MS = 60_000;
/** Two versions of the decision, as in a rolling upgrade: the writers differ in how old a session may be. */
export const SESSION_MAX_AGE_MS = [600_000, 300_000] as const;

export type Step =
  | {
      readonly do: 'publish';
      readonly room: number;
      readonly user: number;
      readonly session: number | null;
      /** Added to the next number of the session in the room. */
      readonly ahead: number;
      readonly key: number | null;
      readonly content: number;
      /** ms since the record before it. */
      readonly later: number;
    }
  | { readonly do: 'claim'; readonly writer: number }
  | { readonly do: 'retry'; readonly writer: number }
  | { readonly do: 'read'; readonly writer: number; readonly count: number }
  | { readonly do: 'decide'; readonly writer: number; readonly count: number }
  | { readonly do: 'deliver' | 'lose_response' | 'repeat' | 'drop'; readonly packet: number };

export interface WorldOptions {
  /** A chain with a mechanism taken away. */
  readonly chain?: () => Chain;
  readonly digestOf?: DigestOf;
}

interface Packet {
  readonly writer: Writer;
  readonly records: readonly OutboundRecord[];
}

export interface InboundEntry {
  readonly time: number;
  readonly event: InboundEvent;
}

/** Minted a little before and after the start, the last one in a time to come. */
export const SESSIONS = [-200_000, 0, 100_000].map((shift, index) => {
  const time = (START_MS + shift).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-00000000000${index}` as SessionId;
});

export class World {
  readonly inbound: InboundEntry[] = [];
  readonly outbound: OutboundRecord[] = [];
  readonly network: Packet[] = [];
  readonly writers: readonly Writer[];
  readonly options: WorldOptions;
  readonly #numbers = new Map<string, number>();
  #claims = 0;

  constructor(options: WorldOptions = {}) {
    this.options = options;
    this.writers = SESSION_MAX_AGE_MS.map((maxAge) => new Writer(this, maxAge));
  }

  newFold(sessionMaxAgeMs: number): Fold {
    return new Fold({
      publishers: { sessionMaxAgeMs, keyWindowMs: KEY_WINDOW_MS },
      chain: this.options.chain?.() ?? Chain.atStart(),
      digestOf: this.options.digestOf ?? digestOf,
    });
  }

  run(steps: readonly Step[]): void {
    for (const step of steps) this.#step(step);
  }

  /** Ends all faults: one writer claims, late packets arrive, everything that was asked for is answered. */
  heal(): void {
    const writer = this.writers[0] as Writer;
    writer.claim();
    writer.read(Number.POSITIVE_INFINITY);
    for (const packet of this.network.splice(0)) this.outbound.push(...packet.records);
    while (!writer.halted && writer.nextInbound < this.inbound.length) {
      writer.read(Number.POSITIVE_INFINITY);
      writer.decide(10);
      for (const packet of this.network.splice(0)) this.#arrive(packet, true);
    }
    for (const each of this.writers) each.read(Number.POSITIVE_INFINITY);
  }

  appendClaim(): Uint8Array {
    const nonce = new Uint8Array(16);
    nonce[0] = ++this.#claims;
    const claim: Claim = { nonce, streamId: 'stream', foldVersion: 1, partitions: 1 };
    this.outbound.push({ ...CLAIM_HEADER, claim, event: null, answer: null, skipped: null });
    return nonce;
  }

  #step(step: Step): void {
    if (step.do === 'publish') this.#publish(step);
    else if (step.do === 'claim') this.#writer(step.writer).claim();
    else if (step.do === 'retry') this.#writer(step.writer).retry();
    else if (step.do === 'read') this.#writer(step.writer).read(step.count);
    else if (step.do === 'decide') this.#writer(step.writer).decide(step.count);
    else this.#send(step.do, step.packet);
  }

  #send(how: 'deliver' | 'lose_response' | 'repeat' | 'drop', index: number): void {
    if (this.network.length === 0) return;
    const at = index % this.network.length;
    const packet = this.network[at] as Packet;
    if (how !== 'repeat') this.network.splice(at, 1);
    if (how !== 'drop') this.#arrive(packet, how === 'deliver');
  }

  #arrive(packet: Packet, answered: boolean): void {
    this.outbound.push(...packet.records);
    if (answered) packet.writer.answered(packet.records);
  }

  #writer(index: number): Writer {
    return this.writers[index % this.writers.length] as Writer;
  }

  #publish(step: Step & { do: 'publish' }): void {
    const room = `room-${step.room}` as RoomId;
    const user = `user-${step.user}` as UserId;
    const session = step.session === null ? null : (SESSIONS[step.session] ?? null);
    let pub: Pub | null = null;
    if (session !== null) {
      const name = `${room}/${user}/${session}`;
      const next = (this.#numbers.get(name) ?? 0) + 1;
      pub = Math.max(1, next + step.ahead) as Pub;
      if (pub === next) this.#numbers.set(name, next);
    }
    const key = session === null && step.key !== null ? `key-${step.key}` : null;
    const time = (this.inbound.at(-1)?.time ?? START_MS) + step.later;
    const data = Buffer.from(JSON.stringify({ pub, key, content: step.content }));
    const event = { room, user, session, pub, key, origin: null, event: 'said', contentType: null, data };
    this.inbound.push({ time, event: { ...event, expiresAt: null, traceparent: null } });
  }
}

const CLAIM_HEADER = { epoch: -1 as Epoch, inbound: -1 as Offset, prevInbound: -1 as Offset, inboundTime: 0 };

class Writer {
  readonly fold: Fold;
  /** A fault of its own fold: it must not go on. */
  halted = false;
  nextInbound = 0;
  readonly #world: World;
  readonly #decider: Decider;
  #readAt = 0;
  #nonce: Uint8Array | null = null;
  #epoch: Epoch | null = null;
  #waitingFor: readonly OutboundRecord[] | null = null;

  constructor(world: World, sessionMaxAgeMs: number) {
    this.#world = world;
    this.fold = world.newFold(sessionMaxAgeMs);
    this.#decider = new Decider(this.fold, { sessionMaxAgeMs, keyWindowMs: KEY_WINDOW_MS });
  }

  claim(): void {
    this.#stop();
    this.#nonce = this.#world.appendClaim();
  }

  read(count: number): void {
    const { outbound } = this.#world;
    const end = Math.min(outbound.length, this.#readAt + count);
    for (; this.#readAt < end && !this.halted; this.#readAt++) {
      const record = outbound[this.#readAt] as OutboundRecord;
      const verdict = this.fold.apply(this.#readAt as Offset, record);
      if (verdict.kind === 'fault') this.halted = true;
      if (verdict.kind === 'claim') this.#onClaim(record);
    }
    this.#decider.prune();
  }

  /** Decides the next records and sends them as one batch, with no other in flight. */
  decide(count: number): void {
    if (this.#epoch === null || this.#waitingFor !== null || this.halted) return;
    const records: OutboundRecord[] = [];
    for (; records.length < count && this.nextInbound < this.#world.inbound.length; this.nextInbound++) {
      const { time, event } = this.#world.inbound[this.nextInbound] as InboundEntry;
      const inbound = this.nextInbound as Offset;
      const prevInbound = this.#decider.lastInbound;
      const decision = this.#decider.decide(inbound, time, event);
      const bodies = { claim: null, event: null, answer: null, skipped: null, ...decision };
      records.push({ epoch: this.#epoch, inbound, prevInbound, inboundTime: time, ...bodies });
    }
    if (records.length === 0) return;
    this.#waitingFor = records;
    this.#world.network.push({ writer: this, records });
  }

  /** After an unknown outcome: the same bytes again. */
  retry(): void {
    if (this.#waitingFor !== null) this.#world.network.push({ writer: this, records: this.#waitingFor });
  }

  answered(records: readonly OutboundRecord[]): void {
    if (this.#waitingFor === records) this.#waitingFor = null;
  }

  #onClaim(record: OutboundRecord): void {
    const own = this.#nonce !== null && record.claim?.nonce === this.#nonce && this.#epoch === null;
    this.#stop();
    if (!own) return;
    this.#epoch = this.fold.chain.epoch;
    this.nextInbound = this.fold.chain.lastInbound + 1;
  }

  #stop(): void {
    this.#epoch = null;
    this.#waitingFor = null;
    this.#decider.reset();
  }
}
