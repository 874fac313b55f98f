/**
 * Sharded pub/sub over one connection: which channels are wanted, which ones Redis has confirmed, and who hears what. Keeps
 * no messages: what comes while the connection is away is lost.
 */
import type { Redis } from 'ioredis';

/** Channels per SSUBSCRIBE and SUNSUBSCRIBE. */
const CHANNELS_PER_COMMAND = 500;

type Hear = (message: Buffer) => void;

export class ShardChannels {
  readonly #connection: Redis;
  readonly #wanted = new Map<string, Hear>();
  readonly #confirmed = new Set<string>();
  readonly #pending = new Map<string, Promise<void>>();
  /** Asked for in this turn of the event loop: they share commands, which cost this process about as much for one channel as for many. */
  #asked: { readonly channels: string[]; readonly sent: Promise<void> } | null = null;
  /** Let go of in this turn, for the same reason: thousands of rooms may lose their last member at once. */
  #left: string[] | null = null;

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
    if (!this.#confirmed.has(channel) && !this.#pending.has(channel)) this.#ask(channel);
  }

  unlisten(channel: string): void {
    if (!this.#wanted.delete(channel)) return;
    this.#confirmed.delete(channel);
    this.#pending.delete(channel);
    if (this.#left === null) {
      this.#left = [];
      setImmediate(() => this.#unsubscribeLeft());
    }
    this.#left.push(channel);
  }

  /** Resolves when a subscription under way is confirmed or has failed; at once where none is. */
  async settled(channel: string): Promise<void> {
    for (let step = this.#pending.get(channel); step !== undefined; step = this.#pending.get(channel)) await step;
  }

  /** After a connect: nothing of an earlier connection counts. */
  subscribeAll(): void {
    this.#confirmed.clear();
    this.#pending.clear();
    this.subscribeMissing();
  }

  /** Tries those again that failed. */
  subscribeMissing(): void {
    this.#subscribeAll([...this.#wanted.keys()].filter((one) => !this.#confirmed.has(one) && !this.#pending.has(one)));
  }

  #ask(channel: string): void {
    if (this.#connection.status !== 'ready') return;
    if (this.#asked === null) {
      const channels: string[] = [];
      const sent = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
        this.#asked = null;
        // Those that were unlistened to, or subscribed anew, in the meantime are left out.
        this.#subscribeAll(channels.filter((one) => this.#pending.get(one) === sent));
      });
      this.#asked = { channels, sent };
    }
    this.#asked.channels.push(channel);
    this.#pending.set(channel, this.#asked.sent);
  }

  #subscribeAll(channels: readonly string[]): void {
    for (let at = 0; at < channels.length; at += CHANNELS_PER_COMMAND) {
      this.#subscribe(channels.slice(at, at + CHANNELS_PER_COMMAND));
    }
  }

  #subscribe(channels: readonly string[]): void {
    if (this.#connection.status !== 'ready') {
      for (const channel of channels) this.#pending.delete(channel);
      return;
    }
    const settled: Promise<void> = this.#connection.ssubscribe(...channels).then(
      () => this.#settle(channels, settled, true),
      () => this.#settle(channels, settled, false),
    );
    for (const channel of channels) this.#pending.set(channel, settled);
  }

  #unsubscribeLeft(): void {
    // Those that are wanted again keep what they have.
    const left = (this.#left ?? []).filter((channel) => !this.#wanted.has(channel));
    this.#left = null;
    if (this.#connection.status !== 'ready') return;
    for (let at = 0; at < left.length; at += CHANNELS_PER_COMMAND) {
      this.#connection.sunsubscribe(...left.slice(at, at + CHANNELS_PER_COMMAND)).catch(() => {});
    }
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
