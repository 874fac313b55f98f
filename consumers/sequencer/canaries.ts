/**
 * Sends a canary (`core/canary.ts`) through each partition that is processed here, one every interval, and times its way back through inbound,
 * decision and outbound. Claims tell how often, so that gateways know what to expect of whom.
 */
import { type Canary, canaryEvent, canaryOf, canaryRooms } from '../../core/canary.ts';
import type { Partition, RoomId } from '../../core/ids.ts';
import type { Answer } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';

export interface CanariesOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  /** The inbound topic. */
  readonly topic: string;
  /** P. */
  readonly partitions: number;
  /** 0: none are sent. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: LogSink;
  readonly onRoundTrip: (ms: number) => void;
}

/** Spreads partitions over the interval: neighbours lie far apart, and no two sequencers send all of theirs at once. */
const GOLDEN_RATIO = 0.618_033_988_75;

/** One partition that is processed here. */
interface Flight {
  /** Clock.monotonic. */
  dueAt: number;
  /** The newest one: when it was sent by both clocks. */
  sentAtMs: number;
  sentAt: number;
  /** Its append has no outcome yet; another is not sent meanwhile. */
  appending: boolean;
}

export class Canaries {
  readonly #options: CanariesOptions;
  readonly #rooms: readonly RoomId[];
  /** Bounded by P. */
  readonly #flights = new Map<Partition, Flight>();
  #intervalMs: number;

  constructor(options: CanariesOptions) {
    this.#options = options;
    this.#intervalMs = options.intervalMs;
    this.#rooms = options.intervalMs === 0 ? [] : canaryRooms(options.partitions);
  }

  /** How often one is sent, as claims tell it; 0 where they are off, or Kafka refused one. */
  get intervalMs(): number {
    return this.#intervalMs;
  }

  /** Sends what is due. `processed`: the partitions that are processed here now. */
  tick(processed: readonly Partition[]): void {
    if (this.#intervalMs === 0) return;
    for (const partition of this.#flights.keys()) if (!processed.includes(partition)) this.#flights.delete(partition);
    const now = this.#options.clock.monotonic();
    const due: Partition[] = [];
    for (const partition of processed) {
      const flight = this.#flightOf(partition, now);
      if (now < flight.dueAt || flight.appending) continue;
      flight.dueAt = now + this.#intervalMs;
      due.push(partition);
    }
    if (due.length > 0) void this.#send(due, now);
  }

  /** An accepted answer that was read back. */
  readBack(partition: Partition, answer: Answer): void {
    const canary = this.#intervalMs === 0 ? null : canaryOf(answer);
    const flight = this.#flights.get(partition);
    if (canary === null || flight === undefined || canary.sentAtMs !== flight.sentAtMs) return;
    this.#options.onRoundTrip(this.#options.clock.monotonic() - flight.sentAt);
  }

  #flightOf(partition: Partition, now: number): Flight {
    let flight = this.#flights.get(partition);
    if (flight === undefined) {
      const phase = ((partition + 1) * GOLDEN_RATIO) % 1;
      flight = { dueAt: now + phase * this.#intervalMs, sentAtMs: -1, sentAt: 0, appending: false };
      this.#flights.set(partition, flight);
    }
    return flight;
  }

  async #send(partitions: readonly Partition[], now: number): Promise<void> {
    const { log, codec, topic, clock } = this.#options;
    const canary: Canary = { sentAtMs: clock.now(), intervalMs: this.#intervalMs };
    const batches = partitions.map((partition) => {
      const room = this.#rooms[partition] as RoomId;
      Object.assign(this.#flightOf(partition, now), { sentAtMs: canary.sentAtMs, sentAt: now, appending: true });
      return {
        partition,
        records: [{ key: Buffer.from(room), value: codec.encodeInbound(canaryEvent(room, canary)) }],
      };
    });
    // Whatever becomes of one, the next is sent when it is due: gateways notice that none comes through.
    for (const outcome of await log.append(topic, batches)) {
      const flight = this.#flights.get(outcome.partition);
      if (flight !== undefined) flight.appending = false;
      if (outcome.status === 'refused' && outcome.error.code === 'kafka_refused') this.#giveUp(outcome.error.message);
    }
  }

  /** It would be refused for ever; gateways must not wait for it, so the partitions are claimed again without. */
  #giveUp(message: string): void {
    if (this.#intervalMs === 0) return;
    this.#intervalMs = 0;
    this.#options.logger.error(
      { topic: this.#options.topic, message },
      'Kafka refused a canary, so none are sent any more: let sequencers write to inbound, or set sequencer.canaryIntervalMs to 0',
    );
  }
}
