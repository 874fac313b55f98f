/** Order and de-duplication as properties of the log, whatever two writers and the network between do. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import { Chain, type ChainRecord, type Verdict } from '../../core/log/chain.ts';
import { Fold } from '../../core/log/fold.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import { anomaliesOf, believedOffsets } from './support/anomalies.ts';
import { SESSION_MAX_AGE_MS, type Step, World, type WorldOptions } from './support/writers.ts';

const writer = fc.nat(1);
const packet = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      room: fc.nat(1),
      user: fc.nat(1),
      session: fc.option(fc.nat(2), { freq: 6 }),
      ahead: fc.oneof(
        { weight: 5, arbitrary: fc.constant(0) },
        { weight: 2, arbitrary: fc.integer({ min: -40, max: 2 }) },
      ),
      key: fc.option(fc.nat(2)),
      content: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
      later: fc.oneof(
        { weight: 20, arbitrary: fc.nat(50) },
        { weight: 3, arbitrary: fc.constantFrom(0, 30_000, 90_000) },
        { weight: 1, arbitrary: fc.constantFrom(400_000, 5_000_000) },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('claim' as const, 'retry' as const), writer }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('read' as const), writer, count: fc.integer({ min: 1, max: 30 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('decide' as const), writer, count: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('deliver' as const), packet }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('lose_response' as const, 'repeat' as const, 'drop' as const), packet }),
  },
);
/** Starts with a writer at work, else most runs would be spent before the first claim. */
const steps = fc
  .array(step, { minLength: 10, maxLength: 250, size: 'max' })
  .map((random): Step[] => [{ do: 'claim', writer: 0 }, { do: 'read', writer: 0, count: 1 }, ...random]);

function healed(all: readonly Step[], options: WorldOptions = {}): World {
  const world = new World(options);
  world.run(all);
  world.heal();
  return world;
}

/** Folds the log with the world's own judge; the records that it believes, or the fault. */
function foldOf(world: World): { believed: OutboundRecord[]; fault: string | null } {
  const fold = world.newFold(SESSION_MAX_AGE_MS[0]);
  const believed: OutboundRecord[] = [];
  for (const [offset, record] of world.outbound.entries()) {
    const verdict = fold.apply(offset as Offset, record);
    if (verdict.kind === 'fault') return { believed, fault: `${verdict.fault}: ${verdict.message}` };
    if (verdict.kind === 'accepted') believed.push(record);
  }
  return { believed, fault: null };
}

/** Everything a fold knows, for comparison. */
const stateOf = ({ chain, heads, publishers }: Fold) => ({
  chain: [chain.epoch, chain.lastInbound, chain.logTime, chain.streamId],
  heads: [...heads.entries()],
  publishers: [...(publishers?.publishers() ?? [])].map(([name, publisher]) => [
    name,
    publisher.last,
    Array.from({ length: 33 }, (_, back) => publisher.find(publisher.last - back)),
  ]),
  keys: [...(publishers?.keys() ?? [])],
});

describe('two writers on one partition', () => {
  it('meet, in the search, every verdict and every answer', () => {
    const met = new Set<string>();
    for (const all of fc.sample(steps, { numRuns: 200, seed: 7 })) {
      const { outbound } = healed(all);
      const fold = new Fold();
      for (const [offset, record] of outbound.entries()) {
        const { kind } = fold.apply(offset as Offset, record);
        met.add(kind);
        if (kind === 'accepted') met.add(record.event === null ? `${record.answer?.code}` : 'event');
        if (record.answer?.code === 'duplicate' && record.answer.offset === null) met.add('duplicate of one in flight');
      }
    }
    const verdicts = ['accepted', 'claim', 'repeat', 'stale'];
    const outcomes = ['duplicate', 'event', 'out_of_order', 'session_in_use', 'session_unknown'];
    expect([...met].sort()).toEqual([...verdicts, ...outcomes, 'duplicate of one in flight'].sort());
  });

  it('leave a log without duplicates, holes or lost publishes, whatever the network does', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const world = healed(all);
        const { believed, fault } = foldOf(world);
        expect(fault).toBeNull();
        expect(believed).toEqual(believedOffsets(world.outbound).map((offset) => world.outbound[offset]));
        expect(anomaliesOf(world.inbound, believed)).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  it('leave a log whose rebuild has the state that each of them has live', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const world = healed(all);
        for (const [index, live] of world.writers.entries()) {
          const rebuilt = world.newFold(SESSION_MAX_AGE_MS[index] ?? 0);
          for (const [offset, record] of world.outbound.entries()) rebuilt.apply(offset as Offset, record);
          expect(stateOf(rebuilt)).toEqual(stateOf(live.fold));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('leave a log that a reader may start at any claim of', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { outbound } = healed(all);
        const whole = believedOffsets(outbound);
        for (const [start, first] of outbound.entries()) {
          if (first.claim === null) continue;
          const fold = new Fold({ start: 'claim' });
          const believed: number[] = [];
          for (let offset = start; offset < outbound.length; offset++) {
            const record = outbound[offset] as OutboundRecord;
            const verdict = fold.apply(offset as Offset, record);
            expect(verdict.kind).not.toBe('fault');
            if (verdict.kind === 'accepted') believed.push(offset);
          }
          expect(believed).toEqual(whole.filter((offset) => offset >= start));
        }
      }),
      { numRuns: 100 },
    );
  });

  it('leave a log that a reader may go on with from any anchor', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (all, place) => {
        const { outbound } = healed(all);
        const cut = place % (outbound.length + 1);
        const before = new Fold();
        for (let offset = 0; offset < cut; offset++) before.apply(offset as Offset, outbound[offset] as OutboundRecord);
        const after = new Fold({ start: before.chain.anchor(cut as Offset) });
        for (let offset = cut; offset < outbound.length; offset++) {
          const record = outbound[offset] as OutboundRecord;
          expect(after.apply(offset as Offset, record).kind).toBe(before.apply(offset as Offset, record).kind);
        }
        expect(after.chain.lastInbound).toBe(before.chain.lastInbound);
      }),
      { numRuns: 100 },
    );
  });
});

class NoEpochCheck extends Chain {
  constructor() {
    super(true, true);
  }

  override verdictOn(offset: Offset, record: ChainRecord): Verdict {
    return super.verdictOn(offset, record.claim === null ? { ...record, epoch: this.epoch } : record);
  }
}

class NoChainCheck extends Chain {
  constructor() {
    super(true, true);
  }

  override verdictOn(offset: Offset, record: ChainRecord): Verdict {
    if (record.claim !== null) return super.verdictOn(offset, record);
    const inbound = (this.lastInbound + 1) as Offset;
    return super.verdictOn(offset, { ...record, prevInbound: this.lastInbound, inbound });
  }
}

describe('without one of the mechanisms', () => {
  const anomalies = (all: readonly Step[], options: WorldOptions): string[] => {
    const world = healed(all, options);
    const { believed, fault } = foldOf(world);
    return fault === null ? anomaliesOf(world.inbound, believed) : [fault];
  };
  const publish: Step = { do: 'publish', room: 0, user: 0, session: 0, ahead: 0, key: null, content: 0, later: 0 };
  const unnumbered: Step = { ...publish, session: null };
  const start = (index: number): Step[] => [
    { do: 'claim', writer: index },
    { do: 'read', writer: index, count: 100 },
  ];

  /** Writer 0 knows the session, writer 1 finds it too old: the zombie's event and the owner's refusal of one record. */
  const zombie: Step[] = [
    ...start(0),
    { ...publish, later: 200_000 },
    unnumbered,
    { do: 'decide', writer: 0, count: 1 },
    ...start(1),
    { do: 'decide', writer: 1, count: 2 },
    { do: 'deliver', packet: 0 },
    { do: 'deliver', packet: 0 },
  ];
  const repeatedBatch: Step[] = [
    ...start(0),
    unnumbered,
    unnumbered,
    { do: 'decide', writer: 0, count: 2 },
    { do: 'lose_response', packet: 0 },
    { do: 'retry', writer: 0 },
    { do: 'deliver', packet: 0 },
  ];
  const otherContent: Step[] = [...start(0), publish, { ...publish, ahead: -1, content: 1 }];

  it.each([
    ['the epoch check', { chain: () => new NoEpochCheck() }, zombie],
    ['the chain check', { chain: () => new NoChainCheck() }, repeatedBatch],
    ['the digest', { digestOf: () => ({ hi: 0, lo: 0 }) }, otherContent],
  ] as const)('%s: a known order of events breaks the log, and with it does not', (_, without, all) => {
    expect(anomalies(all, {})).toEqual([]);
    expect(anomalies(all, without)).not.toEqual([]);
  });

  it.each([
    ['the epoch check', { chain: () => new NoEpochCheck() }],
    ['the chain check', { chain: () => new NoChainCheck() }],
    ['the digest', { digestOf: () => ({ hi: 0, lo: 0 }) }],
  ] as const)('%s: a search finds an order of events that breaks the log', (_, without) => {
    const found = fc.check(
      fc.property(steps, (all) => anomalies(all, without).length === 0),
      { numRuns: 1000, seed: 20_260_101, endOnFailure: true },
    );
    expect(found.failed).toBe(true);
  });
});
