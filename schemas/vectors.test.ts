/** Runs the vectors of `vectors/`, which implementations in other languages run too (see its README.md). */
import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import type { Epoch, Offset, Pub, RoomId, Seq, SessionId, UserId } from '../core/ids.ts';
import type { Anchor, Verdict } from '../core/log/chain.ts';
import { decodeCursor, encodeCursor } from '../core/log/cursor.ts';
import { digestHex, digestOf } from '../core/log/digest.ts';
import { Fold } from '../core/log/fold.ts';
import { murmur2, partitionOf } from '../core/log/partition.ts';
import type { Answer, Claim, InboundEvent, OutboundRecord, SequencedEvent } from '../core/log/record.ts';
import { Decider, type Decision } from '../core/sequencing/decide.ts';
import cursorVectors from './vectors/cursor.json' with { type: 'json' };
import decideVectors from './vectors/decide.json' with { type: 'json' };
import digestVectors from './vectors/digest.json' with { type: 'json' };
import foldVectors from './vectors/fold.json' with { type: 'json' };
import partitionVectors from './vectors/partition.json' with { type: 'json' };

const NO_BODY = { claim: null, event: null, answer: null, skipped: null };
const INBOUND: InboundEvent = {
  room: 'room' as RoomId,
  user: 'user' as UserId,
  session: null,
  pub: null,
  key: null,
  origin: null,
  event: 'said',
  contentType: null,
  data: Buffer.from('{}'),
  expiresAt: null,
  traceparent: null,
};

describe('fold.json', () => {
  interface VectorRecord {
    readonly offset: number;
    readonly epoch?: number;
    readonly inbound?: number;
    readonly prevInbound?: number;
    readonly inboundTime?: number;
    readonly claim?: { readonly nonceHex: string; readonly streamId: string; readonly partitions: number };
    readonly event?: { readonly room: string; readonly seq: number };
    readonly answer?: { readonly code: string };
    readonly skipped?: { readonly from: number; readonly to: number; readonly reason: string };
    readonly verdict: string;
  }

  const claimOf = ({ nonceHex, streamId, partitions }: NonNullable<VectorRecord['claim']>): Claim => ({
    nonce: Buffer.from(nonceHex, 'hex'),
    streamId,
    foldVersion: foldVectors.foldVersion,
    partitions,
  });
  const eventOf = ({ room, seq }: NonNullable<VectorRecord['event']>): SequencedEvent => ({
    ...INBOUND,
    room: room as RoomId,
    seq: seq as Seq,
    time: 0,
    prev: -1 as Offset,
  });
  const recordOf = (record: VectorRecord): OutboundRecord => ({
    epoch: (record.epoch ?? -1) as Epoch,
    inbound: (record.inbound ?? -1) as Offset,
    prevInbound: (record.prevInbound ?? -1) as Offset,
    inboundTime: record.inboundTime ?? 0,
    claim: record.claim ? claimOf(record.claim) : null,
    event: record.event ? eventOf(record.event) : null,
    answer: record.answer ? { ...INBOUND, ...NO_ANSWER, code: record.answer.code as Answer['code'] } : null,
    skipped: (record.skipped ?? null) as OutboundRecord['skipped'],
  });
  const textOf = (verdict: Verdict) => (verdict.kind === 'fault' ? `fault:${verdict.fault}` : verdict.kind);

  const cases = foldVectors.cases.flatMap((vector) => [
    [vector.name, 'apply', vector] as const,
    [`${vector.name}, by heads alone`, 'applyHead', vector] as const,
  ]);

  it.each(cases)('%s', (_, apply, vector) => {
    const fold = new Fold({ start: vector.start as 'start' | 'claim' | Anchor });
    for (const record of vector.records as readonly VectorRecord[]) {
      expect(textOf(fold[apply](record.offset as Offset, recordOf(record)))).toBe(record.verdict);
    }
    const { epoch, lastInbound, logTime, streamId } = fold.chain;
    const rooms = Object.fromEntries([...fold.heads.entries()].map(([room, { seq, offset }]) => [room, [seq, offset]]));
    expect({ epoch, lastInbound, logTime, streamId, rooms }).toEqual(vector.state);
  });
});

const NO_ANSWER = { seq: null, offset: null, expected: null, reason: null };

describe('decide.json', () => {
  interface VectorStep {
    readonly inbound?: number;
    readonly time?: number;
    readonly room?: string;
    readonly user?: string;
    readonly session?: string;
    readonly pub?: number;
    readonly key?: string;
    readonly event?: string;
    readonly data?: string;
    readonly poison?: string;
    readonly expect?: { readonly event?: object; readonly answer?: object };
    readonly readBack?: boolean;
    readonly reset?: boolean;
  }

  const eventOf = (step: VectorStep): InboundEvent => ({
    ...INBOUND,
    room: (step.room ?? INBOUND.room) as RoomId,
    user: (step.user ?? INBOUND.user) as UserId,
    session: (step.session ?? null) as SessionId | null,
    pub: (step.pub ?? null) as Pub | null,
    key: step.key ?? null,
    event: step.event ?? INBOUND.event,
    data: Buffer.from(step.data ?? '{}'),
  });

  /** A sequencer without its IO: claims at offset 0; decisions wait until they are read back. */
  class Sequencer {
    readonly fold = new Fold({ publishers: decideVectors.limits });
    readonly decider = new Decider(this.fold, decideVectors.limits);
    #log: OutboundRecord[] = [];
    #offset = 1;

    constructor() {
      const claim = { nonce: Buffer.alloc(16), streamId: 's', foldVersion: 1, partitions: 1 };
      const header = { epoch: -1 as Epoch, inbound: -1 as Offset, prevInbound: -1 as Offset, inboundTime: 0 };
      this.fold.apply(0 as Offset, { ...header, ...NO_BODY, claim });
    }

    decide(step: VectorStep): Decision {
      const inbound = (step.inbound ?? 0) as Offset;
      const inboundTime = step.time ?? 0;
      const prevInbound = this.decider.lastInbound;
      const decision =
        step.poison === undefined
          ? this.decider.decide(inbound, inboundTime, eventOf(step))
          : this.decider.poison(inbound, inboundTime, { reason: step.poison });
      this.#log.push({ epoch: 0 as Epoch, inbound, prevInbound, inboundTime, ...NO_BODY, ...decision });
      return decision;
    }

    readBack(): void {
      for (const record of this.#log) expect(this.fold.apply(this.#offset++ as Offset, record).kind).toBe('accepted');
      this.#log = [];
    }

    reset(): void {
      this.decider.reset();
      this.#log = [];
    }
  }

  it.each(decideVectors.cases.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const sequencer = new Sequencer();
    for (const step of vector.steps as readonly VectorStep[]) {
      if (step.readBack) sequencer.readBack();
      else if (step.reset) sequencer.reset();
      else expect(sequencer.decide(step)).toMatchObject(step.expect ?? {});
    }
  });
});

describe('partition.json', () => {
  it.each(partitionVectors.cases)('key $keyHex', ({ keyHex, murmur2: hash, partitions }) => {
    const key = Buffer.from(keyHex, 'hex');
    expect(murmur2(key)).toBe(hash);
    for (const [count, partition] of Object.entries(partitions)) {
      expect(partitionOf(key, Number(count))).toBe(partition);
      const name = key.toString();
      if (Buffer.from(name).equals(key)) expect(partitionOf(name as RoomId, Number(count))).toBe(partition);
    }
  });
});

describe('cursor.json', () => {
  const { streamId, valid, invalid } = cursorVectors;
  const room = cursorVectors.room as RoomId;

  it.each(valid)('encodes and decodes: $name', ({ offset, seq, text }) => {
    const position = { offset: offset as Offset, seq: seq as Seq };
    expect(encodeCursor(streamId, room, position)).toBe(text);
    expect(decodeCursor(streamId, room, text)).toEqual(position);
  });

  it.each(invalid)('refuses: $name', ({ text }) => {
    expect(() => decodeCursor(streamId, room, text)).toThrow(expect.objectContaining({ code: 'cursor_invalid' }));
  });
});

describe('digest.json', () => {
  it.each(digestVectors.cases)('$name', ({ event, dataHex, digest }) => {
    expect(digestHex(digestOf(event, Buffer.from(dataHex, 'hex')))).toBe(digest);
  });
});
