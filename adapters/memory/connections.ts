/** The connection registry within one process: for tests and simulation. Registries that share a map see each other's. */
import type { ConnectionId, UserId } from '../../core/ids.ts';
import type { ConnectionEntry, ConnectionRegistry } from '../../core/ports/connection-registry.ts';

export class MemoryConnectionRegistry implements ConnectionRegistry {
  readonly #shared: Map<ConnectionId, ConnectionEntry>;
  readonly #own = new Set<ConnectionId>();
  readonly available = true;

  constructor(shared = new Map<ConnectionId, ConnectionEntry>()) {
    this.#shared = shared;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    for (const connection of this.#own) this.#shared.delete(connection);
    this.#own.clear();
  }

  async add(entry: ConnectionEntry): Promise<void> {
    this.#own.add(entry.connection);
    this.#shared.set(entry.connection, entry);
  }

  async remove(_user: UserId, connection: ConnectionId): Promise<void> {
    this.#own.delete(connection);
    this.#shared.delete(connection);
  }

  async of(user: UserId): Promise<readonly ConnectionEntry[]> {
    return [...this.#shared.values()].filter((entry) => entry.user === user);
  }
}
