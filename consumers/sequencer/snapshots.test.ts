import { afterEach, describe, expect, test } from 'vitest';
import { parseSnapshotKey } from '../../adapters/snapshots/keys.ts';
import { type LoadedSnapshot, loadSnapshot } from '../../adapters/snapshots/load.ts';
import { Shelf } from '../../adapters/snapshots/shelf.ts';
import { writeSnapshot } from '../../adapters/snapshots/write.ts';
import type { Offset, Partition, RoomId, Seq } from '../../core/ids.ts';
import { captureFold } from '../../core/log/capture.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { inboundEvent, MemoryStream, type MemoryStreamOptions, session } from '../../test/support/memory-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';
import type { Sequencer, SequencerOptions } from './sequencer.ts';

const p0 = 0 as Partition;
const HOUR_MS = 3_600_000;
/** Makes snapshots of more than one request. */
const ROOM_NAME_CHARS = 190;
const MANY_ROOMS = 1_500;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

/** A clock that can be moved on. */
function movableClock() {
  let ahead = 0;
  return {
    now: () => Date.now() + ahead,
    monotonic: () => performance.now() + ahead,
    advance: (ms: number) => {
      ahead += ms;
    },
  };
}

/** What was logged, by level. */
function linesInto(lines: Array<{ level: string; fields: Record<string, unknown>; message: string }>) {
  const at =
    (level: string) =>
    (fields: object, message = '') =>
      void lines.push({ level, fields: fields as Record<string, unknown>, message });
  return { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') };
}

class World {
  readonly stream: MemoryStream;
  readonly lines: Array<{ level: string; fields: Record<string, unknown>; message: string }> = [];

  constructor(options: MemoryStreamOptions['sequencer'] = {}, clock?: MemoryStreamOptions['clock'], partitions = 1) {
    this.stream = new MemoryStream({ sequencer: options, partitions, ...(clock && { clock }) });
  }

  async start(name: string, options: Partial<SequencerOptions> = {}): Promise<Sequencer> {
    const sequencer = await running.start(this.stream, name, { logger: linesInto(this.lines), ...options });
    await ready(sequencer);
    return sequencer;
  }

  publish(count: number, room = 'r'): void {
    for (let n = 0; n < count; n++) this.stream.publish(inboundEvent({ room }));
  }

  /** The room's newest seq, once all was sequenced. */
  async seqOf(room: string, expected: number): Promise<void> {
    await until(() => {
      const events = this.stream.outbound(p0).flatMap(({ record: { event } }) => (event?.room === room ? [event] : []));
      expect(events.at(-1)?.seq).toBe(expected);
    });
  }

  load(partition = p0): Promise<LoadedSnapshot | null> {
    const { cluster, codec, topics, partitions, config } = this.stream;
    return loadSnapshot({
      log: cluster.open('test'),
      codec,
      topics,
      partition,
      partitions,
      parts: 'all',
      publishers: config.sequencer,
      logger: silentLog,
    });
  }

  /** Retention: takes everything below the newest snapshot, of outbound alone. */
  async deleteCovered(partition = p0): Promise<Offset> {
    const loaded = await this.load(partition);
    if (loaded === null) throw new Error('there is no snapshot');
    this.stream.cluster.trim(this.stream.topics.outbound, partition, loaded.mark.offset);
    return loaded.mark.offset;
  }

  /** Of outbound. */
  get end(): number {
    return this.stream.cluster.partition(this.stream.topics.outbound, p0).end;
  }

  said(text: string): boolean {
    return this.lines.some(({ message }) => message.includes(text));
  }
}

describe('writing', () => {
  test('writes one after so many records, and on stop; two are kept', async () => {
    const world = new World({ snapshotEveryRecords: 20 });
    const a = await world.start('a');
    for (let round = 1; round <= 4; round++) {
      world.publish(25);
      await until(() => expect(a.report().partitions[0]?.snapshot?.offset).toBeGreaterThanOrEqual(round * 20));
    }
    world.publish(3);
    await world.seqOf('r', 103);
    await a.stop();
    expect((await world.load())?.mark.offset).toBe(world.end);
    const { slots } = world.stream.cluster.partition(world.stream.topics.snapshots, p0);
    const left = new Map(slots.map((slot) => [slot?.key?.toString(), slot]));
    const offsets = [...left.values()].flatMap((slot) =>
      slot?.value == null ? [] : [parseSnapshotKey(p0, slot.key)?.offset],
    );
    expect(new Set(offsets).size).toBe(2);
  });

  test('writes one of few records too, once time has passed, and none where nothing was folded since', async () => {
    const clock = movableClock();
    const world = new World({}, clock);
    const a = await world.start('a');
    world.publish(1);
    await world.seqOf('r', 1);
    expect(a.report().partitions[0]?.snapshot).toBeNull();
    clock.advance(world.stream.config.sequencer.snapshotEveryMs);
    await until(() => expect(a.report().partitions[0]?.snapshot?.offset).toBe(world.end));
    const written = world.stream.cluster.records(world.stream.topics.snapshots, p0).length;
    clock.advance(world.stream.config.sequencer.snapshotEveryMs);
    await a.stop();
    expect(world.stream.cluster.records(world.stream.topics.snapshots, p0)).toHaveLength(written);
  });

  test('writes none of canaries alone, however much time has passed, before retention comes near', async () => {
    const clock = movableClock();
    const world = new World({ canaryIntervalMs: 10_000 }, clock);
    const { snapshotEveryMs } = world.stream.config.sequencer;
    const a = await world.start('a', { outboundRetentionMs: 16 * snapshotEveryMs });
    const oneMoreCanary = async (afterMs: number): Promise<void> => {
      const { end } = world;
      clock.advance(afterMs);
      await until(() => expect(world.end).toBeGreaterThan(end));
    };
    await oneMoreCanary(snapshotEveryMs);
    await oneMoreCanary(10_000);
    await oneMoreCanary(10_000);
    expect(a.report().partitions[0]?.snapshot).toBeNull();
    clock.advance(2 * snapshotEveryMs);
    await until(() => expect(a.report().partitions[0]?.snapshot).not.toBeNull());
  });

  test('waits on stop for the one under way, and for one of what came after it', async () => {
    const world = new World({ snapshotEveryRecords: 5 });
    const a = await world.start('a');
    const gate = Promise.withResolvers<void>();
    let appends = 0;
    const { snapshots } = world.stream.topics;
    world.stream.cluster.onAppend = ({ topic }) =>
      topic === snapshots && ++appends === 1 ? { hold: gate.promise } : undefined;
    world.publish(10);
    await until(() => expect(appends).toBe(1));
    world.publish(3);
    await world.seqOf('r', 13);
    const stopped = a.stop();
    gate.resolve();
    await stopped;
    expect((await world.load())?.mark.offset).toBe(world.end);
  });

  test('writes nothing once the partition may be another’s', async () => {
    const world = new World();
    const a = await world.start('a');
    world.publish(5);
    await world.seqOf('r', 5);
    world.stream.cluster.group(world.stream.groupId, world.stream.topics.inbound).evict('a', { tell: false });
    await new Promise((resolve) => setTimeout(resolve, world.stream.config.sequencer.sessionTimeoutMs + 100));
    await a.stop();
    expect(world.stream.cluster.records(world.stream.topics.snapshots, p0)).toEqual([]);
  });

  test('tries again later where it is refused, and goes on sequencing', async () => {
    const clock = movableClock();
    const world = new World({ snapshotEveryRecords: 5 }, clock);
    const { snapshots } = world.stream.topics;
    world.stream.cluster.onAppend = ({ topic }) => (topic === snapshots ? 'refused' : undefined);
    const a = await world.start('a');
    world.publish(10);
    await until(() => expect(world.said('a snapshot was given up')).toBe(true));
    world.publish(10);
    await world.seqOf('r', 20);
    world.stream.cluster.onAppend = undefined;
    clock.advance(30_000);
    await until(() => expect(a.report().partitions[0]?.snapshot?.offset).toBe(world.end));
  });

  test('raises an alarm when a quarter of outbound’s retention has passed without one', async () => {
    const clock = movableClock();
    const world = new World({}, clock);
    const { snapshots } = world.stream.topics;
    world.stream.cluster.onAppend = ({ topic }) => (topic === snapshots ? 'refused' : undefined);
    const a = await world.start('a', { outboundRetentionMs: HOUR_MS });
    world.publish(1);
    await world.seqOf('r', 1);
    const age = (ms: number) => {
      clock.advance(ms);
    };
    age(HOUR_MS / 4 - 10_000);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(a.report().partitions[0]?.snapshotOverdue).toBe(false);
    expect(world.said('ALARM snapshot_overdue')).toBe(false);
    age(11_000);
    await until(() => expect(world.said('ALARM snapshot_overdue')).toBe(true));
    expect(a.report().partitions[0]?.snapshotOverdue).toBe(true);
    world.stream.cluster.onAppend = undefined;
    age(30_000);
    await until(() =>
      expect(a.report().partitions[0]).toMatchObject({ snapshotOverdue: false, snapshot: { offset: world.end } }),
    );
    await until(() => expect(world.said('alarm snapshot_overdue is over')).toBe(true));
  });
});

describe('starting', () => {
  test('reads no record again that a snapshot has', async () => {
    const world = new World();
    const a = await world.start('a');
    world.publish(50);
    await world.seqOf('r', 50);
    await a.stop();
    const { end } = world;
    world.lines.length = 0;
    await world.start('b');
    expect(world.lines.find(({ message }) => message === 'snapshot loaded')?.fields).toMatchObject({ offset: end });
    world.publish(1);
    await world.seqOf('r', 51);
    await sound(world.stream);
  });

  test('gives a room its next seq when all its events were deleted, also after a second restart', async () => {
    const world = new World();
    let seq = 0;
    for (const name of ['a', 'b', 'c']) {
      const sequencer = await world.start(name);
      world.publish(7);
      seq += 7;
      await world.seqOf('r', seq);
      await sequencer.stop();
      const start = await world.deleteCovered();
      expect(start).toBeGreaterThanOrEqual(seq);
      expect(world.stream.outbound(p0)).toEqual([]);
    }
    await world.start('d');
    world.publish(1);
    await world.seqOf('r', seq + 1);
  });

  test('tells repeats from news by what the snapshot remembers', async () => {
    const world = new World();
    const id = session();
    const said = (pub: number) => inboundEvent({ session: id, pub, data: Buffer.from(`{"n":${pub}}`) });
    const a = await world.start('a');
    for (const pub of [1, 2, 3]) world.stream.publish(said(pub));
    world.stream.publish(inboundEvent({ key: 'k', data: Buffer.from('1') }));
    await world.seqOf('r', 4);
    await a.stop();
    await world.deleteCovered();
    await world.start('b');
    world.stream.publish(said(2));
    world.stream.publish(inboundEvent({ key: 'k', data: Buffer.from('1') }));
    world.stream.publish(said(4));
    await world.seqOf('r', 5);
    const answers = world.stream.outbound(p0).flatMap(({ record: { answer } }) => (answer === null ? [] : [answer]));
    expect(answers).toMatchObject([
      { code: 'duplicate', pub: 2, seq: 2, offset: 3 },
      { code: 'duplicate', key: 'k', seq: 4, offset: 5 },
    ]);
  });

  test.each(['missing', 'stale'])(
    'halts where outbound begins above 0 and its snapshots are %s: it claims nothing, guesses nothing',
    async (what) => {
      const world = new World();
      const a = await world.start('a');
      world.publish(10);
      await world.seqOf('r', 10);
      await a.stop();
      await world.deleteCovered();
      const { cluster, topics } = world.stream;
      if (what === 'missing') cluster.createTopic(topics.snapshots, 1);
      else {
        cluster.writeControl(topics.outbound, p0);
        cluster.trim(topics.outbound, p0, world.end as Offset);
      }
      const { end } = world;
      // Slower than a claim would be.
      const log = cluster.open('b');
      const ranges = log.ranges.bind(log);
      log.ranges = async (topic, partitions) => {
        if (topic === topics.snapshots) await new Promise((resolve) => setTimeout(resolve, 50));
        return ranges(topic, partitions);
      };
      const b = await running.start(world.stream, 'b', { logger: linesInto(world.lines), log });
      world.publish(1);
      await until(() => expect(b.report().partitions[0]?.state).toBe('halted'));
      expect(b.report().partitions[0]?.error?.message).toMatch(/begins at 1[23].*Restore that topic.*new prefix/);
      expect(world.end).toBe(end);
    },
  );

  test('takes over although retention passes between every look at outbound and the read that follows', async () => {
    const world = new World();
    const a = await world.start('a');
    world.publish(10);
    await world.seqOf('r', 10);
    await a.stop();
    const { cluster, topics } = world.stream;
    const log = cluster.open('b');
    const ranges = log.ranges.bind(log);
    let deleted = 0;
    log.ranges = async (topic, partitions) => {
      const found = await ranges(topic, partitions);
      // Up to the snapshot that was written on stop.
      if (topic === topics.outbound && deleted < 5) cluster.trim(topic, p0, (++deleted * 2) as Offset);
      return found;
    };
    await world.start('b', { log });
    world.publish(1);
    await world.seqOf('r', 11);
    expect(deleted).toBe(5);
  });

  test('reads from offset 0 where the snapshots topic is missing, and says so', async () => {
    const world = new World();
    const a = await world.start('a');
    world.publish(10);
    await world.seqOf('r', 10);
    await a.stop();
    const topics = { ...world.stream.topics, snapshots: 'nowhere' };
    await world.start('b', { topics });
    world.publish(1);
    await world.seqOf('r', 11);
    expect(world.said('the snapshots topic is missing')).toBe(true);
  });

  test('does not believe a snapshot twice that led to a contradiction', async () => {
    const world = new World();
    const a = await world.start('a');
    world.publish(10);
    await world.seqOf('r', 10);
    await a.stop();
    const { cluster, codec, topics } = world.stream;
    const loaded = (await world.load()) as LoadedSnapshot;
    // Whole, of this log, and wrong: as a bug of another version might write it.
    loaded.fold.heads.set('r' as RoomId, 99 as Seq, 3 as Offset);
    const b = await world.start('b');
    world.publish(1);
    await world.seqOf('r', 11);
    cluster.group(world.stream.groupId, topics.inbound).evict('b', { tell: false });
    await writeSnapshot({
      log: cluster.open('liar'),
      codec,
      topic: topics.snapshots,
      capture: captureFold(loaded.fold, p0, loaded.mark.offset),
      poison: [],
      anchors: [],
      bytesSinceClaim: 0,
      takenAt: 0,
      shelf: new Shelf(),
      keep: null,
      mayLeave: () => true,
      turn: () => Promise.resolve(),
    });
    expect((await world.load())?.fold.heads.seqOf('r' as RoomId)).toBe(99);
    await world.start('c');
    world.publish(1);
    await world.seqOf('r', 12);
    expect(world.said('outbound can not be folded on')).toBe(true);
    await b.stop();
  });

  test('goes on from the older one, or the start, when its writer was killed in the middle', async () => {
    const world = new World({ snapshotEveryRecords: MANY_ROOMS });
    const { cluster, topics, groupId } = world.stream;
    const a = await world.start('a');
    let appends = 0;
    const never = new Promise(() => {});
    cluster.onAppend = ({ topic, clientId }) =>
      topic === topics.snapshots && clientId === 'a' && ++appends > 1 ? { hold: never } : undefined;
    for (let n = 0; n < MANY_ROOMS; n++) world.publish(1, `${n}-`.padEnd(ROOM_NAME_CHARS, 'x'));
    await until(() => expect(appends).toBe(2));
    world.publish(1);
    await world.seqOf('r', 1);
    cluster.group(groupId, topics.inbound).evict('a', { tell: false });
    await world.start('b');
    world.publish(1);
    await world.seqOf('r', 2);
    await sound(world.stream);
    expect(a.report().partitions[0]?.snapshot).toBeNull();
  });

  test('writes the letters that a dead owner owed, though its poison answer lies below the snapshot', async () => {
    const world = new World({ snapshotEveryRecords: 3 });
    const { cluster, topics, groupId } = world.stream;
    const a = await world.start('a');
    const never = new Promise(() => {});
    cluster.onAppend = ({ topic, clientId }) =>
      topic === topics.deadletter && clientId === 'a' ? { hold: never } : undefined;
    world.stream.write(p0, Buffer.from('junk'), Buffer.from('r'));
    await until(() => expect(world.stream.outbound(p0)).toHaveLength(2));
    world.publish(2);
    await until(() => expect(a.report().partitions[0]?.snapshot?.offset).toBeGreaterThan(1));
    cluster.group(groupId, topics.inbound).evict('a', { tell: false });
    expect(world.stream.deadLetters()).toEqual([]);
    await world.deleteCovered();
    await world.start('b');
    await until(() => expect(world.stream.deadLetters()).toMatchObject([{ inbound: 0 }]));
  });

  test('keeps the stream’s id when every claim was deleted, for all partitions', async () => {
    const world = new World({}, undefined, 3);
    const a = await world.start('a');
    const { streamId } = a.report();
    await a.stop();
    for (let number = 0; number < 3; number++) await world.deleteCovered(number as Partition);
    const b = await world.start('b');
    expect(streamId).not.toBeNull();
    expect(b.report().streamId).toBe(streamId);
    // Not even for a moment is it a stream without a name, to be named anew.
    const claims = world.stream.outbound(p0).map(({ record }) => record.claim?.streamId);
    expect(new Set(claims)).toEqual(new Set([streamId]));
    await b.stop();
    for (let number = 0; number < 3; number++) {
      expect((await world.load(number as Partition))?.mark.streamId).toBe(streamId);
    }
  });
});

describe('sessions', () => {
  const codesOf = (world: World, inbound: Offset) =>
    world.stream
      .outbound(p0)
      .filter(({ record }) => record.inbound === inbound)
      .map(({ record }) => record.answer?.code ?? 'event');

  test('expire by log time, and none of their numbers is accepted again, whatever was deleted and restarted', async () => {
    const clock = movableClock();
    const world = new World({ sessionMaxAgeMs: HOUR_MS }, clock);
    const old = session(clock.now());
    const ask = async (expected: string) => {
      const { offset } = world.stream.publish(inboundEvent({ session: old, pub: 1 }));
      await until(() => expect(codesOf(world, offset)).toEqual([expected]));
    };
    let sequencer = await world.start('a');
    await ask('event');
    await ask('duplicate');
    for (const [n, passMs] of [HOUR_MS / 2, HOUR_MS, 2 * HOUR_MS, 24 * HOUR_MS].entries()) {
      await sequencer.stop();
      await world.deleteCovered();
      clock.advance(passMs);
      sequencer = await world.start(`b${n}`);
      await ask(n === 0 ? 'duplicate' : 'session_unknown');
    }
  });

  test('that were forgotten stay unknown under a longer sessionMaxAgeMs', async () => {
    const clock = movableClock();
    const world = new World({ sessionMaxAgeMs: HOUR_MS }, clock);
    const old = session(clock.now());
    const first = world.stream.publish(inboundEvent({ session: old, pub: 1 }));
    let sequencer = await world.start('a');
    await until(() => expect(codesOf(world, first.offset)).toEqual(['event']));
    clock.advance(4 * HOUR_MS);
    world.publish(1);
    await world.seqOf('r', 2);
    await sequencer.stop();
    await world.deleteCovered();
    const config = { ...world.stream.config.sequencer, sessionMaxAgeMs: 24 * HOUR_MS };
    sequencer = await world.start('b', { config });
    const again = world.stream.publish(inboundEvent({ session: old, pub: 1 }));
    await until(() => expect(codesOf(world, again.offset)).toEqual(['session_unknown']));
  });
});
