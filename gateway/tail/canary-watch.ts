/**
 * Watches each partition for signs of life: canaries, and whatever else is accepted. A claim tells how often its sequencer sends one, so that older
 * sequencers, and those with canaries off, are expected to send none. A partition in which nothing came for three intervals (and never less than
 * a takeover may take) is failing: an alarm, and publishes to it are refused, since they would only wait. It is failing for every gateway, so none stops being ready for it.
 */
import type { Metrics } from '../../adapters/telemetry/metrics.ts';
import type { Alarms } from '../../core/alarms.ts';
import { canaryOf } from '../../core/canary.ts';
import type { Partition } from '../../core/ids.ts';
import type { Answer, Claim } from '../../core/log/record.ts';
import type { Clock } from '../../core/ports/clock.ts';

/** Intervals without a sign of life after which a partition is failing. */
const FAILING_AFTER_INTERVALS = 3;
/** And at least this long, ms, however short the intervals are: a takeover within the default limits takes up to 10 s. */
const FAILING_AFTER_MS = 15_000;
const LOOK_EVERY_MS = 500;
/** A look this late means that this process stood still: what it has not read is not the partition's fault. */
const STOOD_STILL_MS = 3_000;

export interface CanaryWatchOptions {
  /** P. */
  readonly partitions: number;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly alarms: Alarms;
  /** Whether this gateway hears of the partition at all: Kafka answers, and it reads on. */
  readonly hears: (partition: Partition) => boolean;
  /** The least time without a sign of life after which a partition is failing, ms; tests make it short. */
  readonly failingAfterMs?: number;
}

interface Watched {
  readonly partition: Partition;
  /** Whether a claim told the interval; canaries of an earlier owner may be answered behind it. */
  isClaimKnown: boolean;
  /** 0: none is expected. */
  intervalMs: number;
  /** Clock.monotonic of the last sign of life, or of the claim that promised some. */
  aliveAt: number;
  /** Clock.monotonic; null before the first canary was read. */
  canaryAt: number | null;
  failing: boolean;
}

export class CanaryWatch {
  readonly #options: CanaryWatchOptions;
  readonly #watched: readonly Watched[];
  readonly #delay;
  #timer: NodeJS.Timeout | null = null;
  #lookedAt = 0;

  constructor(options: CanaryWatchOptions) {
    const { partitions, metrics, clock } = options;
    this.#options = options;
    this.#watched = Array.from({ length: partitions }, (_, number) => ({
      partition: number as Partition,
      isClaimKnown: false,
      intervalMs: 0,
      aliveAt: 0,
      canaryAt: null,
      failing: false,
    }));
    this.#delay = metrics.histogram(
      'roomlog_canary_delay_ms',
      'Canaries, from their sequencer’s clock to this gateway’s: through inbound, decision and outbound.',
    );
    metrics.gauge(
      'roomlog_canary_age_seconds',
      'Time since the last canary was read, by partition; none where its sequencer sends none.',
      () =>
        this.#watched.flatMap(({ partition, intervalMs, canaryAt }) => {
          if (intervalMs === 0 || canaryAt === null) return [];
          return [[(clock.monotonic() - canaryAt) / 1_000, { partition }] as const];
        }),
    );
    metrics.gauge('roomlog_partitions_failing', 'Partitions in which nothing is sequenced.', () => this.failing.length);
  }

  start(): void {
    this.#lookedAt = this.#options.clock.monotonic();
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Partitions in which nothing is sequenced. */
  get failing(): readonly Partition[] {
    return this.#watched.flatMap(({ partition, failing }) => (failing ? [partition] : []));
  }

  isFailing(partition: Partition): boolean {
    return this.#watched[partition]?.failing === true;
  }

  /** Who writes from now on, and how often it promises a canary. */
  onClaim(partition: Partition, { canaryIntervalMs = 0 }: Claim): void {
    const watched = this.#of(partition);
    watched.isClaimKnown = true;
    watched.intervalMs = canaryIntervalMs;
    watched.aliveAt = this.#options.clock.monotonic();
    if (canaryIntervalMs === 0) this.#recover(watched);
  }

  /** Records were passed over, perhaps a claim among them: who writes is not known. */
  onJump(partition: Partition): void {
    const watched = this.#of(partition);
    watched.isClaimKnown = false;
    watched.intervalMs = 0;
    this.#recover(watched);
  }

  /** Something of an inbound record was accepted. */
  onEvent(partition: Partition): void {
    this.#alive(this.#of(partition));
  }

  /** Whether the answer is a canary's, which nobody else waits for. */
  onAnswer(partition: Partition, answer: Answer): boolean {
    const watched = this.#of(partition);
    this.#alive(watched);
    const canary = canaryOf(answer);
    if (canary === null) return false;
    const { clock } = this.#options;
    watched.canaryAt = clock.monotonic();
    // A gateway that starts at a snapshot has not read the claim. One that has believes the claim alone: the canary may be its predecessor's.
    if (!watched.isClaimKnown) watched.intervalMs = canary.intervalMs;
    this.#delay.record(Math.max(0, clock.now() - canary.sentAtMs));
    return true;
  }

  /** Called by a timer; tests call it. */
  look(): void {
    const { clock, hears, alarms, failingAfterMs = FAILING_AFTER_MS } = this.#options;
    const now = clock.monotonic();
    const stoodStill = now - this.#lookedAt > STOOD_STILL_MS;
    this.#lookedAt = now;
    for (const watched of this.#watched) {
      const { partition, intervalMs, failing } = watched;
      if (stoodStill || !hears(partition)) watched.aliveAt = Math.max(watched.aliveAt, now);
      const silentMs = now - watched.aliveAt;
      const patienceMs = Math.max(FAILING_AFTER_INTERVALS * intervalMs, failingAfterMs);
      if (intervalMs === 0 || failing || silentMs <= patienceMs) continue;
      watched.failing = true;
      const seconds = (silentMs / 1_000).toFixed(1);
      alarms.raise(
        'canary_missing',
        partition,
        `nothing was sequenced for ${seconds} s, canaries come every ${intervalMs} ms`,
      );
    }
  }

  #alive(watched: Watched): void {
    watched.aliveAt = this.#options.clock.monotonic();
    this.#recover(watched);
  }

  #recover(watched: Watched): void {
    if (!watched.failing) return;
    watched.failing = false;
    this.#options.alarms.clear('canary_missing', watched.partition);
  }

  #of(partition: Partition): Watched {
    const watched = this.#watched[partition];
    if (watched === undefined) throw new RangeError(`no partition ${partition}`);
    return watched;
  }
}
