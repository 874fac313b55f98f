/**
 * The core alone, without Kafka, Avro or sockets: what deciding and folding cost, and what rooms and publishers weigh.
 * `node --expose-gc bench/core-fold.ts` writes bench/results/core-fold.json.
 */
import type { Epoch, Offset, Pub, RoomId, SessionId, UserId } from '../core/ids.ts';
import { encodeCursor } from '../core/log/cursor.ts';
import { digestOf } from '../core/log/digest.ts';
import { Fold } from '../core/log/fold.ts';
import { partitionOf } from '../core/log/partition.ts';
import type { InboundEvent, OutboundRecord } from '../core/log/record.ts';
import { Decider } from '../core/sequencing/decide.ts';
import { mintSession } from '../core/sequencing/uuidv7.ts';
import { round } from './support/latency.ts';
import { rowOf, writeResult } from './support/result.ts';

const RECORDS = 200_000;
const ROOMS = 1_000;
const BATCH = 500;
const ROUNDS = 5;
const DATA_BYTES = 200;
const START_MS = 1_800_000_000_000;
const LIMITS = { sessionMaxAgeMs: 86_400_000, keyWindowMs: 86_400_000 };
const NO_BODY = { claim: null, event: null, answer: null, skipped: null };
const CLAIM: OutboundRecord = {
  epoch: -1 as Epoch,
  inbound: -1 as Offset,
  prevInbound: -1 as Offset,
  inboundTime: 0,
  ...NO_BODY,
  claim: { nonce: new Uint8Array(16), streamId: 's', foldVersion: 1, partitions: 12 },
};

let minted = 0;
const newSession = (): SessionId =>
  mintSession(START_MS, (bytes) => {
    const random = Buffer.alloc(bytes);
    random.writeUInt32BE(minted++, bytes - 4);
    return random;
  });

/** Numbered publishes: one session per room, numbers in order. Fresh strings, as a decoder makes them. */
function inboundRecords(): InboundEvent[] {
  const sessions = Array.from({ length: ROOMS }, newSession);
  const data = Buffer.alloc(DATA_BYTES, 'x');
  return Array.from({ length: RECORDS }, (_, index) => ({
    room: `airport/${index % ROOMS}` as RoomId,
    user: `user-${index % ROOMS}` as UserId,
    session: sessions[index % ROOMS] as SessionId,
    pub: (Math.floor(index / ROOMS) + 1) as Pub,
    key: null,
    origin: null,
    event: 'flight',
    contentType: null,
    data,
    expiresAt: null,
    traceparent: null,
  }));
}

/** Decides batch by batch, folding each batch one later, as a sequencer at work does. Returns the log. */
function sequence(inbound: readonly InboundEvent[]): OutboundRecord[] {
  const fold = new Fold({ publishers: LIMITS });
  const decider = new Decider(fold, LIMITS);
  const log: OutboundRecord[] = [CLAIM];
  let folded = 0;
  const readBack = (end: number) => {
    for (; folded < end; folded++) {
      const verdict = fold.apply(folded as Offset, log[folded] as OutboundRecord);
      if (verdict.kind !== 'accepted' && verdict.kind !== 'claim') throw new Error(verdict.kind);
    }
  };
  readBack(1);
  for (const [index, event] of inbound.entries()) {
    const prevInbound = decider.lastInbound;
    const decision = decider.decide(index as Offset, START_MS, event);
    if ('answer' in decision) throw new Error(decision.answer.code);
    const header = { epoch: 0 as Epoch, inbound: index as Offset, prevInbound, inboundTime: START_MS };
    log.push({ ...header, ...NO_BODY, event: decision.event });
    if ((index + 1) % BATCH === 0) readBack(log.length - BATCH);
  }
  readBack(log.length);
  return log;
}

function foldAll(log: readonly OutboundRecord[], fold: Fold): Fold {
  for (let offset = 0; offset < log.length; offset++) fold.apply(offset as Offset, log[offset] as OutboundRecord);
  return fold;
}

const nsPerRecord = (work: () => unknown): number => {
  const start = performance.now();
  work();
  return ((performance.now() - start) * 1e6) / RECORDS;
};

function heapBytes(build: () => object, count: number): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run with --expose-gc');
  gc();
  const before = process.memoryUsage();
  const kept = build();
  gc();
  const after = process.memoryUsage();
  const bytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  return Object.keys(kept).length >= 0 ? round(bytes / count) : Number.NaN;
}

const MEMORY_COUNT = 100_000;
/** One publish in each of many rooms (heads), or of many sessions with `publishes` each. */
function filledFold(rooms: boolean, publishes: number): Fold {
  const fold = rooms ? new Fold() : new Fold({ publishers: LIMITS });
  for (let index = 0; index < MEMORY_COUNT; index++) {
    if (rooms) fold.heads.set(`airport/terminal/${index}` as RoomId, 1 as never, index as Offset);
    const session = rooms ? null : newSession();
    for (let pub = 1; session !== null && pub <= publishes; pub++) {
      const publish = { room: 'airport/ORD' as RoomId, user: `user-${index}` as UserId, session, pub: pub as Pub };
      fold.publishers?.acceptPub(publish, pub as never, index as Offset, { hi: 0xffffffff, lo: pub });
    }
  }
  return fold;
}

const measured = new Map<string, number[]>();
const add = (what: string, value: number) => void measured.set(what, [...(measured.get(what) ?? []), value]);
for (let turn = 0; turn <= ROUNDS; turn++) {
  const inbound = inboundRecords();
  let log: OutboundRecord[] = [];
  const sequencing = nsPerRecord(() => {
    log = sequence(inbound);
  });
  const rebuilding = nsPerRecord(() => foldAll(log, new Fold({ publishers: LIMITS })));
  const following = nsPerRecord(() => foldAll(log, new Fold()));
  const digesting = nsPerRecord(() => inbound.forEach((event) => void digestOf(event.event, event.data)));
  const placing = nsPerRecord(() => inbound.forEach((event) => void partitionOf(event.room, 12)));
  const pointing = nsPerRecord(() =>
    inbound.forEach(
      ({ room }, index) => void encodeCursor('s', room, { offset: (3e9 + index) as Offset, seq: index as never }),
    ),
  );
  // The first round is for the compiler.
  if (turn === 0) continue;
  add('decide, and fold what is read back (sequencer)', sequencing);
  add('fold with publishers (rebuilding)', rebuilding);
  add('fold of rooms only (gateway)', following);
  add('digest of event and data', digesting);
  add('partition of a room', placing);
  add('encode a cursor', pointing);
}
const heaps = {
  'a room': heapBytes(() => filledFold(true, 0), MEMORY_COUNT),
  'a publisher with one publish': heapBytes(() => filledFold(false, 1), MEMORY_COUNT),
  'a publisher with 32 publishes': heapBytes(() => filledFold(false, 32), MEMORY_COUNT),
};
writeResult('core-fold', {
  bench: 'core-fold',
  figure: 'core',
  command: 'node --expose-gc bench/core-fold.ts',
  versions: {},
  settings: { records: RECORDS, rooms: ROOMS, dataBytes: DATA_BYTES },
  rounds: ROUNDS,
  voidRounds: 0,
  rows: [
    ...[...measured].map(([what, ns]) => rowOf({ case: what, side: 'roomlog', metric: 'time', unit: 'ns/record' }, ns)),
    ...Object.entries(heaps).map(([what, bytes]) =>
      rowOf({ case: what, side: 'roomlog', metric: 'heap', unit: 'bytes' }, [bytes]),
    ),
  ],
  goals: [],
  notes: ['The first round is for the compiler and not counted; memory is measured once.'],
});
