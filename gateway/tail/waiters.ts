/** Those who wait for a partition to be folded up to some offset. */
interface Waiter {
  readonly next: number;
  readonly resolve: (reached: boolean) => void;
  readonly reject: (error: Error) => void;
}

export class Waiters {
  readonly #waiters = new Set<Waiter>();

  /** True once the position is at `next`, false after `timeoutMs` or when the partition stops. */
  wait(next: number, position: number, timeoutMs: number): Promise<boolean> {
    if (position >= next) return Promise.resolve(true);
    return new Promise((resolve) => {
      const done = (reached: boolean): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(reached);
      };
      const timer = setTimeout(done, timeoutMs, false);
      const waiter: Waiter = { next, resolve: done, reject: () => done(false) };
      this.#waiters.add(waiter);
    });
  }

  /** Resolves once the position is at `next`; rejects when the partition stops. */
  reached(next: number, position: number): Promise<void> {
    if (position >= next) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.add({ next, resolve: () => resolve(), reject });
    });
  }

  settle(position: number): void {
    for (const waiter of this.#waiters) {
      if (position < waiter.next) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(true);
    }
  }

  fail(error: Error): void {
    for (const waiter of [...this.#waiters]) {
      this.#waiters.delete(waiter);
      waiter.reject(error);
    }
  }
}
