/** Pings a client every interval; a pong that does not come within the time-out means that nobody is there. */
export interface HeartbeatOptions {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** A client that still takes our bytes may see the ping late: as long as it does, it is waited for up to this long. */
  readonly busyTimeoutMs: number;
  ping(): void;
  /** Bytes that wait before the ping. */
  bufferedBytes(): number;
  onTimeout(): void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | null = null;
  #awaitedSinceMs: number | null = null;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  start(): void {
    this.#wait(this.#options.intervalMs, () => this.#ping());
  }

  onPong(): void {
    if (this.#awaitedSinceMs === null) return;
    this.#awaitedSinceMs = null;
    this.start();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #ping(): void {
    this.#awaitedSinceMs = performance.now();
    this.#options.ping();
    this.#awaitPong();
  }

  /** Judged after one more look at the sockets: where this process itself was late, the pong may lie there unread. */
  #awaitPong(): void {
    this.#wait(this.#options.timeoutMs, () => setImmediate(() => this.#judge()));
  }

  #judge(): void {
    if (this.#awaitedSinceMs === null || this.#timer === null) return;
    const { bufferedBytes, busyTimeoutMs, onTimeout } = this.#options;
    const waitedMs = performance.now() - this.#awaitedSinceMs;
    if (bufferedBytes() > 0 && waitedMs < busyTimeoutMs) this.#awaitPong();
    else onTimeout();
  }

  #wait(ms: number, then: () => void): void {
    this.stop();
    this.#timer = setTimeout(then, ms);
  }
}
