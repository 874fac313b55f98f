/** A typed set of listeners; a listener that throws is reported, and never stops the others or the client. */
export class Emitter<Events extends Record<string, unknown>> {
  readonly #listeners = new Map<keyof Events, Set<(payload: never) => void>>();

  /** Adds a listener; call what is returned to remove it. */
  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): () => void {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    set.add(listener);
    return () => set.delete(listener);
  }

  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      callSafely(listener as (payload: Events[Name]) => void, payload);
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}

/** Calls code that is not ours. What it throws becomes an unhandled rejection: visible, but not inside our own state changes. */
export function callSafely<T>(listener: ((payload: T) => void) | undefined, payload: T): void {
  if (!listener) return;
  try {
    listener(payload);
  } catch (error) {
    Promise.reject(error);
  }
}
