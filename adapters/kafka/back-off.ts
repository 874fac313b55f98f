/** Waiting between tries: exponential with full jitter, and cut short when somebody has news. */

const BASE_MS = 50;
const CAP_MS = 2_000;

/** How long to wait before try `failures` + 1; 0 for the first. */
export function backOffMs(failures: number, random: () => number = Math.random): number {
  if (failures <= 0) return 0;
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 16));
}

/** A wait that `wake` ends early. */
export class Pause {
  #wake: (() => void) | null = null;

  async for(ms: number): Promise<void> {
    if (ms <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  wake(): void {
    this.#wake?.();
  }
}
