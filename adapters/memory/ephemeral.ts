/** The ephemeral bus within one process: for tests and simulation. Stores that share a hub hear each other. */
import { RoomlogError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { EphemeralBus } from '../../core/ports/ephemeral-bus.ts';

export class EphemeralHub {
  readonly buses = new Set<MemoryEphemeralBus>();
  down = false;
}

export class MemoryEphemeralBus implements EphemeralBus {
  readonly #hub: EphemeralHub;
  readonly #hearers = new Map<RoomId, (frame: Buffer) => void>();

  constructor(hub: EphemeralHub = new EphemeralHub()) {
    this.#hub = hub;
  }

  get available(): boolean {
    return !this.#hub.down;
  }

  async publish(room: RoomId, frame: Buffer): Promise<void> {
    if (this.#hub.down) throw new RoomlogError('redis_unreachable');
    for (const bus of this.#hub.buses) bus.#hearers.get(room)?.(frame);
  }

  listen(room: RoomId, onFrame: (frame: Buffer) => void): void {
    this.#hearers.set(room, onFrame);
  }

  unlisten(room: RoomId): void {
    this.#hearers.delete(room);
  }

  async start(): Promise<void> {
    this.#hub.buses.add(this);
  }

  async stop(): Promise<void> {
    this.#hub.buses.delete(this);
  }
}
