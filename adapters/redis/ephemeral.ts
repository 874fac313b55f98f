/** Signals that are never stored, over sharded pub/sub: what is published while Redis or a listener is away is lost. */
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { EphemeralBus } from '../../core/ports/ephemeral-bus.ts';
import type { RedisLink } from './client.ts';
import { type RedisKeys, redisKeys } from './keys.ts';

/** Publishes without an answer from Redis; above it a publish is refused, so that a slow Redis does not fill the memory. */
const MAX_IN_FLIGHT = 10_000;

export class RedisEphemeralBus implements EphemeralBus {
  readonly #link: RedisLink;
  readonly #keys: RedisKeys;
  readonly #rooms = new Set<RoomId>();
  #inFlight = 0;

  constructor(link: RedisLink, config: Config['redis']) {
    this.#link = link;
    this.#keys = redisKeys(config.prefix);
  }

  get available(): boolean {
    return this.#link.available;
  }

  async publish(room: RoomId, frame: Buffer): Promise<void> {
    if (!this.available) throw new RoomlogError('redis_unreachable');
    if (this.#inFlight >= MAX_IN_FLIGHT) {
      throw new RoomlogError('redis_unreachable', `Redis has not answered ${MAX_IN_FLIGHT} publishes; it is too slow.`);
    }
    this.#inFlight++;
    try {
      await this.#link.run((redis) => redis.spublish(this.#keys.ephemeral(room), frame));
    } finally {
      this.#inFlight--;
    }
  }

  listen(room: RoomId, onFrame: (frame: Buffer) => void): void {
    this.#rooms.add(room);
    this.#link.channels.listen(this.#keys.ephemeral(room), onFrame);
  }

  unlisten(room: RoomId): void {
    if (this.#rooms.delete(room)) this.#link.channels.unlisten(this.#keys.ephemeral(room));
  }

  async start(): Promise<void> {
    await this.#link.start();
  }

  async stop(): Promise<void> {
    for (const room of this.#rooms) this.unlisten(room);
    await this.#link.stop();
  }
}
