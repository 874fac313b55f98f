/**
 * Snapshots of the logs that the exploration meets, written and loaded by the production code: what is loaded is what was there;
 * a mark that was forged is refused, and so is a snapshot that was taken of another log.
 */
import { describe, expect, it } from 'vitest';
import { MemoryLog } from '../../../adapters/memory/memory-log.ts';
import { loadSnapshot } from '../../../adapters/snapshots/load.ts';
import { sealOf } from '../../../adapters/snapshots/seal.ts';
import { Shelf } from '../../../adapters/snapshots/shelf.ts';
import { writeSnapshot } from '../../../adapters/snapshots/write.ts';
import { type Epoch, NO_EPOCH, type Offset, type Partition } from '../../../core/ids.ts';
import { captureFold } from '../../../core/log/capture.ts';
import { Fold } from '../../../core/log/fold.ts';
import type { OutboundRecord } from '../../../core/log/record.ts';
import type { SnapshotRefusal } from '../../../core/log/snapshot.ts';
import type { SnapshotManifest, SnapshotRecord } from '../../../core/log/snapshot-record.ts';
import { silentLog } from '../../../core/ports/logger.ts';
import { createCodec } from '../../../schemas/codec.ts';
import { stateOf } from '../../support/fold-state.ts';
import { explore } from './explore.ts';
import { EXPLORATION_TIMEOUT_MS } from './lane.ts';
import { PRODUCTION } from './mutants.ts';
import { SENT_AGAIN, shortened } from './scenario.ts';

const P0 = 0 as Partition;
const TOPICS = { outbound: 'outbound', snapshots: 'snapshots' };
const SCENARIO = shortened(SENT_AGAIN, 2);
const [LIMITS] = SCENARIO.versions;
/** Of the longest logs; each is written, and its snapshots tried on another. */
const LOGS = 60;
const CODEC = createCodec({
  inboundId: 1,
  outboundId: 2,
  deadLetterId: 3,
  snapshotId: 4,
  store: { known: () => undefined, load: async () => '' },
});

type Log = readonly OutboundRecord[];

/** Evenly spread over all that the exploration meets. */
function someLogs(): Log[] {
  const all: Log[] = [];
  explore({
    scenario: SCENARIO,
    scope: { claims: 2, copies: 1, batch: 1 },
    mutant: PRODUCTION,
    onLongest: (log) => all.push(log),
  });
  return Array.from({ length: LOGS }, (_, at) => all[Math.floor((at * all.length) / LOGS)] as Log);
}

function foldOf(log: Log, length: number): Fold {
  const fold = new Fold({ publishers: LIMITS });
  for (let offset = 0; offset < length; offset++) fold.apply(offset as Offset, log[offset] as OutboundRecord);
  return fold;
}

/** A partition that holds the log. */
function partitionOf(log: Log): MemoryLog {
  const memory = new MemoryLog({ topics: Object.values(TOPICS) });
  for (const record of log) memory.cluster.write(TOPICS.outbound, P0, { value: CODEC.encodeOutbound(record) });
  return memory;
}

async function takeSnapshot(memory: MemoryLog, log: Log, offset: number): Promise<Fold | null> {
  const fold = foldOf(log, offset);
  if (fold.chain.epoch === NO_EPOCH) return null;
  await writeSnapshot({
    log: memory,
    codec: CODEC,
    topic: TOPICS.snapshots,
    capture: captureFold(fold, P0, offset as Offset),
    poison: [],
    anchors: [],
    bytesSinceClaim: 0,
    takenAt: 0,
    shelf: new Shelf(),
    keep: null,
    mayLeave: () => true,
    turn: () => Promise.resolve(),
  });
  return fold;
}

async function load(memory: MemoryLog): Promise<Fold | SnapshotRefusal> {
  const refused: SnapshotRefusal[] = [];
  const loaded = await loadSnapshot({
    log: memory,
    codec: CODEC,
    topics: TOPICS,
    partition: P0,
    partitions: 1,
    parts: 'all',
    publishers: LIMITS,
    streamId: memory.cluster.records(TOPICS.outbound, P0).length === 0 ? null : streamIdIn(memory),
    logger: silentLog,
    onRefused: (reason) => refused.push(reason),
  });
  return loaded?.fold ?? (refused[0] as SnapshotRefusal);
}

/** What whoever loads has learnt from the log. */
function streamIdIn(memory: MemoryLog): string | null {
  for (const { value } of memory.cluster.records(TOPICS.outbound, P0)) {
    const record = CODEC.decodeOutbound(value as Buffer);
    if (!('unknownSchema' in record) && record.claim !== null) return record.claim.streamId;
  }
  return null;
}

/** Changes the manifest that stands last in the topic. */
function forge(memory: MemoryLog, change: Partial<SnapshotManifest>, sealed: boolean): void {
  const { slots } = memory.cluster.partition(TOPICS.snapshots, P0);
  const last = slots.at(-1);
  const record = CODEC.decodeSnapshot(last?.value as Buffer) as SnapshotRecord;
  const manifest = { ...(record.manifest as SnapshotManifest), ...change };
  const seal = sealed ? sealOf(record, manifest) : manifest.seal;
  const value = CODEC.encodeSnapshot({ ...record, manifest: { ...manifest, seal } });
  slots[slots.length - 1] = { ...(last as NonNullable<typeof last>), value };
}

const claimsIn = (log: Log) => [...log.entries()].filter(([, { claim }]) => claim !== null);
const isSame = (left: OutboundRecord | undefined, right: OutboundRecord | undefined) =>
  JSON.stringify(left) === JSON.stringify(right);

describe('snapshots of the model’s logs', { timeout: EXPLORATION_TIMEOUT_MS }, () => {
  const logs = someLogs();

  it('are loaded as what the fold was when they were taken, wherever that was', async () => {
    let taken = 0;
    for (const log of logs) {
      for (let offset = 1; offset <= log.length; offset++) {
        const memory = partitionOf(log);
        const fold = await takeSnapshot(memory, log, offset);
        if (fold === null) continue;
        taken++;
        expect(stateOf((await load(memory)) as Fold)).toEqual(stateOf(fold));
      }
    }
    expect(taken).toBeGreaterThan(4 * LOGS);
  });

  it('are refused with any field of their mark forged', async () => {
    for (const log of logs) {
      const { epoch, lastInbound, logTime } = foldOf(log, log.length).chain;
      const marks: ReadonlyArray<Partial<SnapshotManifest>> = [
        { lastInbound: (lastInbound + 1) as Offset },
        { lastInbound: (lastInbound - 1) as Offset },
        { logTime: logTime + 1 },
        { epoch: (epoch + 1) as Epoch },
        { forgottenBefore: 1 },
        { bytesSinceClaim: 1 },
      ];
      for (const mark of marks) {
        const memory = partitionOf(log);
        await takeSnapshot(memory, log, log.length);
        forge(memory, mark, false);
        expect(await load(memory), JSON.stringify(mark)).toBe('corrupt');
      }
    }
  });

  it('are refused with another claim, P or stream, though whoever forged that has sealed it', async () => {
    for (const log of logs) {
      const { epoch } = foldOf(log, log.length).chain;
      const marks: Array<Partial<SnapshotManifest>> = [
        { partitions: 2 },
        { streamId: 'another' },
        { claimNonce: Buffer.alloc(16, 99) },
      ];
      for (let offset = 0; offset < log.length; offset++) {
        const claim = log[offset]?.claim ?? null;
        // A repeat of the claim, at another offset, is the one forgery that the log bears out.
        const isRepeat = claim !== null && isSame(log[offset], log[epoch]);
        if (offset !== (epoch as number) && !isRepeat) marks.push({ epoch: offset as number as Epoch });
      }
      for (const mark of marks) {
        const memory = partitionOf(log);
        await takeSnapshot(memory, log, log.length);
        forge(memory, mark, true);
        expect(await load(memory), JSON.stringify(mark)).toBe('foreign');
      }
    }
  });

  it('are refused by another log, unless the claim under which they were taken stands there too', async () => {
    const met = { refused: 0, ahead: 0, same: 0, diverged: 0 };
    for (const [at, log] of logs.entries()) {
      for (const other of [logs[(at + 1) % LOGS] as Log, logs[(at * 7 + 3) % LOGS] as Log]) {
        for (let offset = 1; offset <= other.length; offset++) {
          const memory = partitionOf(log);
          const fold = await takeSnapshot(memory, other, offset);
          if (fold === null) continue;
          const loaded = await load(memory);
          const isPrefix = other.slice(0, offset).every((record, place) => isSame(record, log[place]));
          const isClaimed = isSame(other[fold.chain.epoch], log[fold.chain.epoch]);
          if (offset > log.length) {
            met.ahead++;
            expect(loaded).toBe('ahead');
          } else if (!isClaimed) {
            met.refused++;
            expect(loaded).toBe('foreign');
          } else {
            // Records behind one and the same claim differ only in a log that has lost what it had acked.
            met[isPrefix ? 'same' : 'diverged']++;
            expect(stateOf(loaded as Fold)).toEqual(stateOf(fold));
          }
        }
      }
    }
    expect(claimsIn(logs[0] as Log).length).toBeGreaterThan(0);
    expect(met.refused).toBeGreaterThan(30);
    expect(met.same).toBeGreaterThan(30);
    console.info(`model: snapshots tried on other logs: ${JSON.stringify(met)}`);
  });
});
