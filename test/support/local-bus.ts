import { RoomlogError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { EphemeralBus } from '../../core/ports/ephemeral-bus.ts';

/** The bus within one process. */
export class LocalBus implements EphemeralBus {
  readonly handlers = new Map<RoomId, (frame: Buffer) => void>();
  available = true;
  async publish(room: RoomId, frame: Buffer): Promise<void> {
    if (!this.available) throw new RoomlogError('redis_unreachable');
    this.handlers.get(room)?.(frame);
  }
  listen(room: RoomId, onFrame: (frame: Buffer) => void): void {
    this.handlers.set(room, onFrame);
  }
  unlisten(room: RoomId): void {
    this.handlers.delete(room);
  }
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
}
