/**
 * Schemas that threads ask their parent for: the client of a registry is a quarter of what a thread would have to load, and each asks it
 * once or twice.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { SchemaStore } from '../../core/ports/schema-store.ts';
import { errorOf, type Failure, failureOf } from './thread.ts';

type Lent = { readonly id: number; readonly text: string } | { readonly id: number; readonly failed: Failure };

/** The end to hand to a thread; the other one is answered from `store` for as long as the thread lives. */
export function lendSchemas(store: SchemaStore): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port1.on('message', async (id: number) => {
    const lent: Lent = await store.load(id).then(
      (text) => ({ id, text }),
      (thrown: unknown) => ({ id, failed: failureOf(thrown) }),
    );
    port1.postMessage(lent);
  });
  // Nobody's process stays for a question that a thread might still have.
  port1.unref();
  return port2;
}

/** The thread's end. */
export class LentSchemas implements SchemaStore {
  readonly #port: MessagePort;
  /** As many as the log has. */
  readonly #known = new Map<number, string>();
  readonly #asked = new Map<number, PromiseWithResolvers<string>>();

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (lent: Lent) => {
      const asked = this.#asked.get(lent.id);
      this.#asked.delete(lent.id);
      if ('failed' in lent) {
        asked?.reject(errorOf(lent.failed));
        return;
      }
      this.#known.set(lent.id, lent.text);
      asked?.resolve(lent.text);
    });
  }

  known(id: number): string | undefined {
    return this.#known.get(id);
  }

  async load(id: number): Promise<string> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    let asked = this.#asked.get(id);
    if (asked === undefined) {
      asked = Promise.withResolvers();
      this.#asked.set(id, asked);
      this.#port.postMessage(id);
    }
    return await asked.promise;
  }
}
