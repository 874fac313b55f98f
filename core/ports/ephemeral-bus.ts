/** Signals that are never stored (typing, cursors): over all gateways, may be lost. */
import type { RoomId } from '../ids.ts';

export interface EphemeralBus {
  /** Hands a ready protocol frame to every gateway that listens to the room, this one included. Throws `redis_unreachable`. */
  publish(room: RoomId, frame: Buffer): Promise<void>;
  /** One handler per room. */
  listen(room: RoomId, onFrame: (frame: Buffer) => void): void;
  unlisten(room: RoomId): void;
  readonly available: boolean;
  start(): Promise<void>;
  stop(): Promise<void>;
}
