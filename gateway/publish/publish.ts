/** A publish's way from a checked command to inbound, and the limits that all clients of a gateway share. */
import { Buffer } from 'node:buffer';
import { RoomlogError } from '../../core/errors.ts';
import type { Pub, RoomId, SessionId, UserId } from '../../core/ids.ts';
import type { CircuitState } from '../../core/limits/circuit-breaker.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { InboundEvent } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { RoomStream } from '../stream.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import { AppendBatcher } from './append-batcher.ts';
import { Content } from './content.ts';
import type { HeldReader } from './held-readers.ts';
import type { PendingPublishes, PublishClient } from './pending.ts';

/** What `retryAfter` says where nothing better is known. */
export const RETRY_AFTER_MS = 1_000;
const SWEEP_MS = 250;

export interface PublishRequest {
  readonly client: PublishClient;
  /** The socket that it came from: left unread for a while where there are too many publishes. */
  readonly reader: HeldReader;
  readonly id: number;
  readonly room: RoomId;
  readonly user: UserId;
  /** Both or neither: a session counts only with a number. */
  readonly session: SessionId | null;
  readonly pub: Pub | null;
  readonly event: string;
  /** null: `data` is one JSON value. */
  readonly contentType: string | null;
  /** Copied before `submit` returns. */
  readonly data: Uint8Array;
  readonly ttlMs: number | null;
}

export interface PublisherStats {
  readonly queuedBytes: number;
  /** See Admission.underWay, stalled, held. */
  readonly underWay: number;
  readonly stalledPartitions: number;
  readonly heldSockets: number;
  /** Partitions by the state of their circuit. */
  readonly circuits: Readonly<Record<CircuitState, number>>;
}

export interface PublisherOptions {
  readonly log: EventLog;
  readonly topic: string;
  readonly partitions: number;
  readonly encode: (event: InboundEvent) => Buffer;
  readonly pending: PendingPublishes;
  readonly stream: Pick<RoomStream, 'partitionAvailable'>;
  readonly clock: Clock;
  readonly limits: AdmissionLimits & { readonly unavailableAfterMs: number };
  readonly onFailedTry?: (outcome: string) => void;
  /** See AdmissionOptions.onLimit. */
  readonly onLimit?: (what: 'refused' | 'held') => void;
  /** Told each time that a partition's circuit opens. */
  readonly onOpened?: () => void;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #batcher: AppendBatcher;
  readonly #admission: Admission;
  #sweep: NodeJS.Timeout | null = null;

  constructor(options: PublisherOptions) {
    const { log, topic, partitions, clock, pending, limits, onFailedTry, onLimit, onOpened } = options;
    this.#options = options;
    this.#batcher = new AppendBatcher({
      log,
      topic,
      partitions,
      clock,
      unavailableAfterMs: limits.unavailableAfterMs,
      listener: {
        isWanted: (counter) => pending.has(counter),
        onRefused: (counter, error, partition) => {
          this.#admission.withdrawn(partition, counter);
          pending.refuse(counter, error);
        },
        onUncertain: (counter) => pending.lose(counter),
        onDropped: (counter, partition) => this.#admission.withdrawn(partition, counter),
      },
      ...(onFailedTry === undefined ? {} : { onFailedTry }),
      ...(onOpened === undefined ? {} : { onOpened }),
    });
    this.#admission = new Admission({
      partitions,
      clock,
      limits,
      queuedBytes: (partition) => this.#batcher.queuedBytes(partition),
      ...(onLimit === undefined ? {} : { onLimit }),
    });
    pending.onSequenced = (counter, room) => this.#admission.cameOut(partitionOf(room, partitions), counter);
  }

  /** Figures for health and metrics. */
  stats(): PublisherStats {
    return {
      queuedBytes: this.#batcher.queuedBytes(),
      underWay: this.#admission.underWay,
      stalledPartitions: this.#admission.stalled,
      heldSockets: this.#admission.held,
      circuits: this.#batcher.circuits(),
    };
  }

  start(): void {
    const { limits, pending, clock } = this.#options;
    const everyMs = Math.min(SWEEP_MS, Math.ceil(limits.publishTimeoutMs / 4));
    this.#sweep = setInterval(() => {
      pending.loseOlderThan(clock.monotonic() - limits.publishTimeoutMs);
      this.#admission.sweep();
    }, everyMs);
  }

  stop(): void {
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#batcher.stop();
  }

  /** Throws `unavailable` where nothing was produced; else the client is told later, once. */
  submit(request: PublishRequest): void {
    const { pending, stream, partitions, clock, encode } = this.#options;
    const { room, user, session, pub, event, contentType, data, ttlMs } = request;
    const partition = partitionOf(room, partitions);
    if (!stream.partitionAvailable(room)) throw notWritable();
    this.#admission.check(partition);
    if (!this.#batcher.admits(partition)) throw notWritable();
    const counter = pending.add({
      client: request.client,
      id: request.id,
      room,
      user,
      session,
      pub,
      content: new Content(event, data),
      startedAtMs: clock.monotonic(),
    });
    let value: Buffer;
    try {
      value = encode({
        room,
        user,
        session,
        pub,
        key: null,
        origin: pending.originOf(counter),
        event,
        contentType,
        data,
        expiresAt: ttlMs === null ? null : clock.now() + ttlMs,
        traceparent: null,
      });
    } catch (thrown) {
      pending.withdraw(counter);
      throw thrown;
    }
    this.#admission.entered(partition, counter);
    this.#batcher.add(partition, { key: Buffer.from(room), value }, counter);
    this.#admission.holdIfFull(partition, request.reader);
  }

  /** The socket is gone. */
  forget(reader: HeldReader): void {
    this.#admission.forget(reader);
  }
}

const notWritable = (): RoomlogError =>
  new RoomlogError('unavailable', 'Events of this room can not be written right now.', {
    details: { retryAfter: RETRY_AFTER_MS },
  });
