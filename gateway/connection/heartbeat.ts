/** Pings a client every interval; a pong that does not come within the time-out means that nobody is there. */
export interface HeartbeatOptions {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** As long as `isBusy`, it is waited for up to this long. */
  readonly busyTimeoutMs: number;
  ping(): void;
  /** Whether the ping may reach the client late, behind what it has not taken yet, or its pong lies where nobody has looked. */
  isBusy(): boolean;
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
    const { isBusy, busyTimeoutMs, onTimeout } = this.#options;
    const waitedMs = performance.now() - this.#awaitedSinceMs;
    if (isBusy() && waitedMs < busyTimeoutMs) this.#awaitPong();
    else onTimeout();
  }

  #wait(ms: number, then: () => void): void {
    this.stop();
    this.#timer = setTimeout(then, ms);
  }
}
