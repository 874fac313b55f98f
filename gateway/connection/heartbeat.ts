/** Pings a client every interval; a pong that does not come within the time-out means that nobody is there. */
export interface HeartbeatTimes {
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** As long as `isBusy`, it is waited for up to this long. */
  readonly busyTimeoutMs: number;
}

/** Whose heart it is: a connection. An object instead of functions, since there are as many as clients. */
export interface HeartbeatPeer {
  ping(): void;
  /** Whether the ping may reach the client late, behind what it has not taken yet, or its pong lies where nobody has looked. */
  isBusy(): boolean;
  onSilence(): void;
}

export class Heartbeat {
  readonly #times: HeartbeatTimes;
  readonly #peer: HeartbeatPeer;
  #timer: NodeJS.Timeout | null = null;
  #awaitedSinceMs: number | null = null;

  constructor(times: HeartbeatTimes, peer: HeartbeatPeer) {
    this.#times = times;
    this.#peer = peer;
  }

  start(): void {
    this.#wait(this.#times.intervalMs, () => this.#ping());
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
    this.#peer.ping();
    this.#awaitPong();
  }

  /** Judged after one more look at the sockets: where this process itself was late, the pong may lie there unread. */
  #awaitPong(): void {
    this.#wait(this.#times.timeoutMs, () => setImmediate(() => this.#judge()));
  }

  #judge(): void {
    if (this.#awaitedSinceMs === null || this.#timer === null) return;
    const waitedMs = performance.now() - this.#awaitedSinceMs;
    if (this.#peer.isBusy() && waitedMs < this.#times.busyTimeoutMs) this.#awaitPong();
    else this.#peer.onSilence();
  }

  #wait(ms: number, then: () => void): void {
    this.stop();
    this.#timer = setTimeout(then, ms);
  }
}
