/** A publish's way from a checked command to inbound, and the limits that all clients of a gateway share. */
import { Buffer } from 'node:buffer';
import { RoomlogError } from '../../core/errors.ts';
import type { Pub, RoomId, SessionId, UserId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { InboundEvent } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { RoomStream } from '../stream.ts';
import { AppendBatcher } from './append-batcher.ts';
import { Content } from './content.ts';
import type { PendingPublishes, PublishClient } from './pending.ts';

/** Bytes of publishes not known to be in the log yet, over all clients. */
export const MAX_QUEUED_BYTES = 134_217_728;
/** What `retryAfter` says where nothing better is known. */
export const RETRY_AFTER_MS = 1_000;
const SWEEP_MS = 250;

export interface PublishRequest {
  readonly client: PublishClient;
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

export interface PublisherOptions {
  readonly log: EventLog;
  readonly topic: string;
  readonly partitions: number;
  readonly encode: (event: InboundEvent) => Buffer;
  readonly pending: PendingPublishes;
  readonly stream: Pick<RoomStream, 'partitionAvailable'>;
  readonly clock: Clock;
  readonly limits: {
    readonly maxPendingPublishes: number;
    readonly publishTimeoutMs: number;
    readonly unavailableAfterMs: number;
  };
  readonly onFailedTry?: (outcome: string) => void;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #batcher: AppendBatcher;
  #sweep: NodeJS.Timeout | null = null;

  constructor(options: PublisherOptions) {
    const { log, topic, partitions, clock, pending, limits, onFailedTry } = options;
    this.#options = options;
    this.#batcher = new AppendBatcher({
      log,
      topic,
      partitions,
      clock,
      unavailableAfterMs: limits.unavailableAfterMs,
      listener: {
        isWanted: (counter) => pending.has(counter),
        onRefused: (counter, error) => pending.refuse(counter, error),
        onUncertain: (counter) => pending.lose(counter),
      },
      ...(onFailedTry === undefined ? {} : { onFailedTry }),
    });
  }

  get queuedBytes(): number {
    return this.#batcher.queuedBytes;
  }

  start(): void {
    const { limits, pending, clock } = this.#options;
    const everyMs = Math.min(SWEEP_MS, Math.ceil(limits.publishTimeoutMs / 4));
    this.#sweep = setInterval(() => pending.loseOlderThan(clock.monotonic() - limits.publishTimeoutMs), everyMs);
  }

  stop(): void {
    if (this.#sweep !== null) clearInterval(this.#sweep);
    this.#batcher.stop();
  }

  /** Throws `unavailable` where nothing was produced; else the client is told later, once. */
  submit(request: PublishRequest): void {
    const { pending, stream, partitions, clock, limits, encode } = this.#options;
    const { room, user, session, pub, event, contentType, data, ttlMs } = request;
    const partition = partitionOf(room, partitions);
    if (pending.size >= limits.maxPendingPublishes || this.queuedBytes >= MAX_QUEUED_BYTES) {
      throw unavailable('Too many publishes wait for their answer.');
    }
    if (!stream.partitionAvailable(room) || !this.#batcher.available(partition)) {
      throw unavailable('Events of this room can not be written right now.');
    }
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
    this.#batcher.add(partition, { key: Buffer.from(room), value }, counter);
  }
}

const unavailable = (message: string): RoomlogError =>
  new RoomlogError('unavailable', message, { details: { retryAfter: RETRY_AFTER_MS } });
