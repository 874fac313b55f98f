/** Writes outbound by the real decision, as a sequencer does, into a memory log. */
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { MemoryLog } from '../../adapters/memory/memory-log.ts';
import {
  type Epoch,
  NO_EPOCH,
  NO_OFFSET,
  type Offset,
  type Partition,
  type RoomId,
  type UserId,
} from '../../core/ids.ts';
import { Fold } from '../../core/log/fold.ts';
import type { InboundEvent, OutboundRecord } from '../../core/log/record.ts';
import { FOLD_VERSION } from '../../core/log/record.ts';
import { Decider } from '../../core/sequencing/decide.ts';
import { type Codec, createCodec } from '../../schemas/codec.ts';

export const TOPIC = 'test.outbound';
export const SNAPSHOTS = 'test.snapshots';
export const LIMITS = { sessionMaxAgeMs: 86_400_000, keyWindowMs: 86_400_000 };
/** Log times of tests start here, one millisecond an event. */
export const T0 = 1_800_000_000_000;
export const ORIGIN_TAG = Buffer.from('0102030405060708', 'hex');

export const codec: Codec = createCodec({
  inboundId: 1,
  outboundId: 2,
  deadLetterId: 3,
  snapshotId: 4,
  store: { known: () => undefined, load: async () => '' },
});

export const inboundEvent = (room: string, data: unknown, more: Partial<InboundEvent> = {}): InboundEvent => ({
  room: room as RoomId,
  user: 'alice' as UserId,
  session: null,
  pub: null,
  key: null,
  origin: null,
  event: 'said',
  contentType: null,
  data: Buffer.from(JSON.stringify(data)),
  expiresAt: null,
  traceparent: null,
  ...more,
});

/** Writes one outbound partition as a sequencer does. */
export class TestSequencer {
  readonly partition: Partition;
  readonly #log: MemoryLog;
  readonly #streamId: string;
  fold = new Fold({ publishers: LIMITS });
  decider = new Decider(this.fold, LIMITS);
  inbound = 0;
  /** Every record written, in order. */
  readonly written: OutboundRecord[] = [];

  constructor(log: MemoryLog, partition: Partition, streamId: string) {
    this.#log = log;
    this.partition = partition;
    this.#streamId = streamId;
  }

  /** Appends as is, past the fold of this sequencer. */
  append(record: OutboundRecord): Offset {
    const offset = this.#log.cluster.write(TOPIC, this.partition, { value: codec.encodeOutbound(record) });
    this.written.push(record);
    return offset;
  }

  claim(streamId: string = this.#streamId, nonce: Uint8Array = randomBytes(16), canaryIntervalMs = 0): Offset {
    const record: OutboundRecord = {
      epoch: NO_EPOCH,
      inbound: NO_OFFSET,
      prevInbound: NO_OFFSET,
      inboundTime: 0,
      claim: {
        nonce,
        streamId,
        foldVersion: FOLD_VERSION,
        partitions: this.#log.cluster.partitions(TOPIC).length,
        canaryIntervalMs,
      },
      event: null,
      answer: null,
      skipped: null,
    };
    const offset = this.append(record);
    this.fold.apply(offset, record);
    return offset;
  }

  /** Decides the next inbound record and appends what comes of it. */
  sequence(event: InboundEvent): { offset: Offset; record: OutboundRecord } {
    const inbound = this.inbound++ as Offset;
    const inboundTime = T0 + inbound;
    const { epoch, lastInbound } = this.fold.chain;
    const decision = this.decider.decide(inbound, inboundTime, event);
    const header = { epoch: epoch as Epoch, inbound, prevInbound: lastInbound, inboundTime };
    const record: OutboundRecord = { ...header, claim: null, event: null, answer: null, skipped: null, ...decision };
    const offset = this.append(record);
    this.fold.apply(offset, record);
    return { offset, record };
  }
}
