/** What a feed has done so far, as lines for people. */

/** Newest ack times kept for the percentiles. */
const MAX_LATENCIES = 100_000;
/** Least time over which a rate is told, ms. */
const RATE_WINDOW_MS = 1_000;

export class Tally {
  readonly #startedMs: number;
  readonly #latenciesMs: number[] = [];
  readonly #rooms = new Set<string>();
  #rateFromMs: number;
  #rateFrom = 0;
  #rate = 0;
  sent = 0;
  acked = 0;
  duplicates = 0;
  refused = 0;
  reconnects = 0;
  date = '';

  constructor(nowMs: number) {
    this.#startedMs = nowMs;
    this.#rateFromMs = nowMs;
  }

  addSent(room: string, date: string): void {
    this.sent += 1;
    this.date = date;
    this.#rooms.add(room);
  }

  addAcked(latencyMs: number, duplicate: boolean): void {
    if (duplicate) this.duplicates += 1;
    this.#latenciesMs[this.acked % MAX_LATENCIES] = latencyMs;
    this.acked += 1;
  }

  progress(nowMs: number, unanswered: number, resent: number): string {
    if (nowMs - this.#rateFromMs >= RATE_WINDOW_MS) {
      this.#rate = ((this.acked - this.#rateFrom) * 1000) / (nowMs - this.#rateFromMs);
      this.#rateFrom = this.acked;
      this.#rateFromMs = nowMs;
    }
    const parts = [
      this.date.replace('T', ' '),
      `${grouped(this.sent)} sent`,
      `${grouped(this.acked)} acked`,
      `${grouped(Math.round(this.#rate))} acks/s`,
      `${unanswered} unanswered`,
      `${grouped(resent)} re-sent`,
    ];
    return parts.join(' · ');
  }

  summary(nowMs: number, resent: number): string {
    const seconds = (nowMs - this.#startedMs) / 1000;
    const sorted = [...this.#latenciesMs].sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]?.toFixed(1);
    return [
      `${grouped(this.sent)} flights of ${this.#rooms.size} airports sent in ${seconds.toFixed(1)} s, ${grouped(this.acked)} acked (${(this.acked / Math.max(seconds, 0.001)).toFixed(0)}/s)`,
      `${grouped(resent)} re-sent after ${this.reconnects} reconnects, ${this.duplicates} of them known already; ${this.refused} refused`,
      sorted.length === 0 ? 'no ack came' : `publish to ack: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms`,
    ].join('\n');
  }
}

const grouped = (count: number): string => count.toLocaleString('en-US');
