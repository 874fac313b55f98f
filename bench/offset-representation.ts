/**
 * Offsets as branded numbers or as bigints: what each costs where offsets are touched (ADR 0006). Both sides in turn, in one
 * process, five rounds, medians. `node --expose-gc bench/offset-representation.ts` writes bench/results/offset-representation.json.
 */
import { type BenchRow, rowOf, writeResult } from './support/result.ts';

const RECORDS = 1_000_000;
const ROOMS = 1_000;
const ROUNDS = 5;
/** Above 2^31, as a partition of some age has them: not the small integers that V8 keeps unboxed. */
const FIRST = 3_000_000_000;

interface Contestant {
  /** Makes offsets of the decimal strings that kafkajs hands over. */
  parse(texts: readonly string[]): unknown;
  /** Walks a chain: previous must be last, last becomes next; a head per room. */
  fold(): unknown;
  /** One object per record with three offsets, as decoded records have them. */
  records(): unknown;
}

const numbers: Contestant = {
  parse(texts) {
    let last = 0;
    for (const text of texts) last = Number(text);
    return last;
  },
  fold() {
    const heads = new Map<number, number>();
    let last = FIRST - 1;
    for (let index = 0; index < RECORDS; index++) {
      const inbound = FIRST + index;
      const previous = inbound - 1;
      if (previous !== last) throw new Error('broken chain');
      last = inbound;
      heads.set(index % ROOMS, last);
    }
    return heads;
  },
  records() {
    return Array.from({ length: RECORDS }, (_, index) => {
      const inbound = FIRST + index;
      return { epoch: FIRST, inbound, prevInbound: inbound - 1 };
    });
  },
};

const bigints: Contestant = {
  parse(texts) {
    let last = 0n;
    for (const text of texts) last = BigInt(text);
    return last;
  },
  fold() {
    const heads = new Map<number, bigint>();
    let last = BigInt(FIRST) - 1n;
    for (let index = 0; index < RECORDS; index++) {
      const inbound = BigInt(FIRST) + BigInt(index);
      const previous = inbound - 1n;
      if (previous !== last) throw new Error('broken chain');
      last = inbound;
      heads.set(index % ROOMS, last);
    }
    return heads;
  },
  records() {
    const epoch = BigInt(FIRST);
    return Array.from({ length: RECORDS }, (_, index) => {
      const inbound = epoch + BigInt(index);
      return { epoch, inbound, prevInbound: inbound - 1n };
    });
  },
};

const nsPerRecord = (work: () => unknown): number => {
  const start = performance.now();
  work();
  return ((performance.now() - start) * 1e6) / RECORDS;
};

function bytesPerRecord(contestant: Contestant): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run with --expose-gc');
  gc();
  const before = process.memoryUsage().heapUsed;
  const kept = contestant.records();
  gc();
  const bytes = (process.memoryUsage().heapUsed - before) / RECORDS;
  return Array.isArray(kept) ? bytes : Number.NaN;
}

const texts = Array.from({ length: RECORDS }, (_, index) => String(FIRST + index));
const contestants = { number: numbers, bigint: bigints };
const samples = Object.entries(contestants).map(([name, contestant]) => {
  return { name, contestant, parse: [] as number[], fold: [] as number[], bytes: [] as number[] };
});
for (let round = 0; round <= ROUNDS; round++) {
  for (const sample of samples) {
    const parse = nsPerRecord(() => sample.contestant.parse(texts));
    const fold = nsPerRecord(() => sample.contestant.fold());
    const bytes = bytesPerRecord(sample.contestant);
    // The first round is for the compiler.
    if (round === 0) continue;
    sample.parse.push(parse);
    sample.fold.push(fold);
    sample.bytes.push(bytes);
  }
}
const rows = samples.flatMap(({ name, parse, fold, bytes }): BenchRow[] => [
  rowOf({ case: 'parse a decimal string', side: name, metric: 'time', unit: 'ns/record' }, parse),
  rowOf({ case: 'walk a chain, keep heads', side: name, metric: 'time', unit: 'ns/record' }, fold),
  rowOf({ case: 'record with three offsets', side: name, metric: 'heap', unit: 'bytes/record' }, bytes),
]);
writeResult('offset-representation', {
  bench: 'offset-representation',
  figure: 'ADR 0006',
  command: 'node --expose-gc bench/offset-representation.ts',
  versions: {},
  settings: { records: RECORDS, rooms: ROOMS },
  rounds: ROUNDS * samples.length,
  voidRounds: 0,
  rows,
  goals: [],
  notes: [
    'Offsets above 2^31. Both sides take turns in one process; the first round is for the compiler and not counted.',
  ],
});
