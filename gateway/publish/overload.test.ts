/**
 * A sequencer that is slower than its clients publish, in virtual time: the gateway's real publisher, a stand-in for the sequencer that
 * takes a while for each record, and clients that come back and send again what was not answered in time.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { type Partition, pub, type RoomId, roomId, seq, sessionId, userId } from '../../core/ids.ts';
import type { Answer, InboundEvent } from '../../core/log/record.ts';
import { mintSession } from '../../core/sequencing/uuidv7.ts';
import { createCodec } from '../../schemas/codec.ts';
import type { StoredEvent } from '../stream.ts';
import { Admission } from './admission.ts';
import type { HeldReader } from './held-readers.ts';
import { PendingPublishes, type PublishClient } from './pending.ts';
import { Publisher } from './publish.ts';

const TOPIC = 'inbound';
const P0 = 0 as Partition;
/** What the sequencer takes for one record, repeats included. */
const RECORD_MS = 20;
const TIMEOUT_MS = 2_000;
const CLIENTS = 60;
const EACH = 32;
/** Before a client that was sent away is there again. */
const RECONNECT_MS = 100;

const codec = createCodec({
  inboundId: 1,
  outboundId: 2,
  deadLetterId: 3,
  snapshotId: 4,
  store: { known: () => undefined, load: async () => '' },
});
const clock = { now: () => Date.now(), monotonic: () => performance.now() };

let log: MemoryLog;
let pending: PendingPublishes;
let publisher: Publisher;
let clients: OverloadClient[];
let sequencer: NodeJS.Timeout;
/** Inbound records that the sequencer has taken. */
let taken: number;
/** The most that it ever had before it. */
let longest: number;

/** Publishes all it has at once, and again what was refused or given up. */
class OverloadClient implements PublishClient, HeldReader {
  readonly user;
  readonly session;
  readonly room = roomId('r');
  readonly acked = new Set<number>();
  reading = true;
  lost = 0;
  #toSend: number[] = Array.from({ length: EACH }, (_, index) => index + 1);

  constructor(number: number) {
    this.user = userId(`user-${number}`);
    this.session = sessionId(mintSession(Date.now(), (bytes) => Buffer.alloc(bytes, number)));
  }

  /** What its socket brings: as much as is read. */
  go(): void {
    while (this.reading) {
      const number = this.#toSend.shift();
      if (number === undefined) return;
      try {
        publisher.submit({
          client: this,
          reader: this,
          id: number,
          room: this.room,
          user: this.user,
          session: this.session,
          pub: pub(number),
          event: 'e',
          contentType: null,
          data: Buffer.from('1'),
          ttlMs: null,
        });
      } catch (thrown) {
        this.#toSend.unshift(number);
        const { retryAfter } = (thrown as { details: { retryAfter: number } }).details;
        setTimeout(() => this.go(), retryAfter);
        return;
      }
    }
  }

  stopReading(): void {
    this.reading = false;
  }

  readOn(): void {
    this.reading = true;
    this.go();
  }

  onAcked({ pub: number }: { pub: number | null }): void {
    this.acked.add(number ?? 0);
  }

  onRefused(): void {}

  /** The connection is closed; a new one sends all that has no answer. */
  onLost(): void {
    this.lost += 1;
    if (this.#toSend.at(-1) === -1) return;
    this.#toSend = [-1];
    this.reading = false;
    publisher.forget(this);
    setTimeout(() => {
      this.#toSend = Array.from({ length: EACH }, (_, index) => index + 1).filter((one) => !this.acked.has(one));
      this.readOn();
    }, RECONNECT_MS);
  }
}

/** One record each time that it is called. */
function sequence(known: Set<string>): void {
  const { slots } = log.cluster.partition(TOPIC, P0);
  longest = Math.max(longest, slots.length - taken);
  const value = slots[taken]?.value;
  if (value === undefined || value === null) return;
  taken += 1;
  const event = codec.decodeInbound(value) as InboundEvent;
  const key = `${event.user}/${event.pub}`;
  const identity = { ...event, seq: seq(taken), partition: P0, cursor: 'c' };
  if (known.has(key)) pending.onAnswer({ ...identity, code: 'duplicate' } as unknown as Answer & { cursor: string });
  else pending.onEvent(identity as unknown as StoredEvent);
  known.add(key);
}

beforeEach(() => {
  vi.useFakeTimers();
  log = new MemoryLog({ topics: [TOPIC], partitions: 1 });
  pending = new PendingPublishes(Buffer.alloc(8, 7));
  taken = 0;
  longest = 0;
  const known = new Set<string>();
  sequencer = setInterval(() => sequence(known), RECORD_MS);
});
afterEach(() => {
  clearInterval(sequencer);
  publisher.stop();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function start(limits: { maxPendingPublishes: number }): void {
  publisher = new Publisher({
    log,
    topic: TOPIC,
    partitions: 1,
    encode: (event) => codec.encodeInbound(event),
    pending,
    stream: { partitionAvailable: (_: RoomId) => true },
    clock,
    limits: { maxQueuedBytes: 1e9, publishTimeoutMs: TIMEOUT_MS, unavailableAfterMs: 1e9, ...limits },
  });
  publisher.start();
  clients = Array.from({ length: CLIENTS }, (_, number) => new OverloadClient(number));
  for (const client of clients) client.go();
}

const acked = (): number => clients.reduce((sum, client) => sum + client.acked.size, 0);
const ALL = CLIENTS * EACH;

describe('publishes that come faster than they are sequenced', () => {
  test('are all answered in the end: what is under way is bounded by what comes out in time', async () => {
    start({ maxPendingPublishes: 50_000 });
    for (let second = 0; second < 120 && acked() < ALL; second += 1) await vi.advanceTimersByTimeAsync(1_000);
    expect(acked()).toBe(ALL);
    // Before anything is known of its speed, the first window is let in; later ones fit.
    expect(longest).toBeLessThan(600);
    // Most of its work was for something.
    expect(taken).toBeLessThan(1.6 * ALL);
    const since = longest;
    longest = 0;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(longest).toBeLessThan(since);
    expect(publisher.stats()).toMatchObject({ underWay: 0, stalledPartitions: 0, heldSockets: 0, queuedBytes: 0 });
  });

  test('without that bound, feed the overload with their repeats, which then has no end', async () => {
    vi.spyOn(Admission.prototype, 'check').mockImplementation(() => {});
    vi.spyOn(Admission.prototype, 'holdIfFull').mockImplementation(() => {});
    start({ maxPendingPublishes: 50_000 });
    await vi.advanceTimersByTimeAsync(60_000);
    const early = acked();
    const before = longest;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(acked()).toBe(early);
    expect(acked()).toBeLessThan(ALL / 2);
    expect(longest).toBeGreaterThan(1.5 * before);
  });
});
