/**
 * Sharded pub/sub over one connection: which channels are wanted, which ones Redis has confirmed, and who hears what. Keeps
 * no messages: what comes while the connection is away is lost.
 */
import type { Redis } from 'ioredis';

/** Channels per SSUBSCRIBE when many are subscribed again. */
const CHANNELS_PER_COMMAND = 500;

type Hear = (message: Buffer) => void;

export class ShardChannels {
  readonly #connection: Redis;
  readonly #wanted = new Map<string, Hear>();
  readonly #confirmed = new Set<string>();
  readonly #pending = new Map<string, Promise<void>>();

  constructor(connection: Redis) {
    this.#connection = connection;
    connection.on('close', () => this.#confirmed.clear());
    connection.on('smessageBuffer', (channel: Buffer, message: Buffer) => {
      this.#wanted.get(channel.toString())?.(message);
    });
  }

  /** One hearer per channel; a second replaces the first. */
  listen(channel: string, hear: Hear): void {
    this.#wanted.set(channel, hear);
    if (!this.#confirmed.has(channel) && !this.#pending.has(channel)) this.#subscribe([channel]);
  }

  unlisten(channel: string): void {
    if (!this.#wanted.delete(channel)) return;
    this.#confirmed.delete(channel);
    this.#pending.delete(channel);
    if (this.#connection.status === 'ready') this.#connection.sunsubscribe(channel).catch(() => {});
  }

  /** Resolves when a subscription under way is confirmed or has failed; at once where none is. */
  async settled(channel: string): Promise<void> {
    await this.#pending.get(channel);
  }

  /** After a connect: nothing of an earlier connection counts. */
  subscribeAll(): void {
    this.#confirmed.clear();
    this.#pending.clear();
    this.subscribeMissing();
  }

  /** Tries those again that failed. */
  subscribeMissing(): void {
    const missing = [...this.#wanted.keys()].filter((one) => !this.#confirmed.has(one) && !this.#pending.has(one));
    for (let at = 0; at < missing.length; at += CHANNELS_PER_COMMAND) {
      this.#subscribe(missing.slice(at, at + CHANNELS_PER_COMMAND));
    }
  }

  #subscribe(channels: readonly string[]): void {
    if (this.#connection.status !== 'ready') return;
    const settled: Promise<void> = this.#connection.ssubscribe(...channels).then(
      () => this.#settle(channels, settled, true),
      () => this.#settle(channels, settled, false),
    );
    for (const channel of channels) this.#pending.set(channel, settled);
  }

  #settle(channels: readonly string[], settled: Promise<void>, confirmed: boolean): void {
    for (const channel of channels) {
      // Unlistened to, or subscribed anew, in the meantime: then this answer says nothing about it.
      if (this.#pending.get(channel) !== settled) continue;
      this.#pending.delete(channel);
      if (confirmed) this.#confirmed.add(channel);
    }
  }
}
