/** Events that are never stored: over the bus to the members of a room on all gateways. */
import { RoomlogError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { EphemeralBus } from '../../core/ports/ephemeral-bus.ts';
import { packEphemeral, unpackEphemeral } from '../protocol/ephemeral.ts';
import type { EphemeralEvent, RoomStream } from '../stream.ts';
import { RETRY_AFTER_MS } from './publish.ts';

export class EphemeralRooms {
  readonly #bus: EphemeralBus;
  readonly #stream: Pick<RoomStream, 'broadcast'>;
  /** Subscriptions of this gateway per room; the bus is listened to while there are any. */
  readonly #members = new Map<RoomId, number>();

  constructor(bus: EphemeralBus, stream: Pick<RoomStream, 'broadcast'>) {
    this.#bus = bus;
    this.#stream = stream;
  }

  enter(room: RoomId): void {
    const members = this.#members.get(room) ?? 0;
    this.#members.set(room, members + 1);
    if (members === 0) this.#bus.listen(room, (packed) => this.#onPacked(room, packed));
  }

  leave(room: RoomId): void {
    const members = this.#members.get(room) ?? 0;
    if (members > 1) this.#members.set(room, members - 1);
    else if (this.#members.delete(room)) this.#bus.unlisten(room);
  }

  #onPacked(room: RoomId, packed: Buffer): void {
    const event = unpackEphemeral(room, packed);
    if (event !== null) this.#stream.broadcast(room, (encoding) => encoding.ephemeral(event));
  }

  /** Throws `unavailable`. */
  async publish(event: EphemeralEvent): Promise<void> {
    try {
      await this.#bus.publish(event.room, packEphemeral(event));
    } catch (cause) {
      const details = { retryAfter: RETRY_AFTER_MS };
      throw new RoomlogError('unavailable', 'Ephemeral events can not be sent right now.', { cause, details });
    }
  }
}
