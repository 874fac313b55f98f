/** All sockets of this gateway, and how many each user holds. */
import type { UserId } from '../../core/ids.ts';

/** A socket, as far as the whole of them is concerned. */
export interface Member {
  /** See Connection.drain. */
  drain(flushMs: number, delayMs: number, reason: string): Promise<void>;
  terminate(): void;
}

export class Connections implements Iterable<Member> {
  readonly #all = new Set<Member>();
  readonly #byUser = new Map<UserId, number>();
  readonly #limit: number;
  readonly #limitPerUser: number;
  #onEmpty: (() => void)[] = [];

  constructor(limit: number, limitPerUser: number) {
    this.#limit = limit;
    this.#limitPerUser = limitPerUser;
  }

  get size(): number {
    return this.#all.size;
  }

  get full(): boolean {
    return this.#all.size >= this.#limit;
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.#all[Symbol.iterator]();
  }

  add(connection: Member): void {
    this.#all.add(connection);
  }

  remove(connection: Member): void {
    if (!this.#all.delete(connection)) return;
    if (this.#all.size > 0) return;
    for (const resolve of this.#onEmpty) resolve();
    this.#onEmpty = [];
  }

  /** Counts a connection to its user; false, and nothing done, where the user has too many. */
  enter(user: UserId): boolean {
    const count = this.#byUser.get(user) ?? 0;
    if (count >= this.#limitPerUser) return false;
    this.#byUser.set(user, count + 1);
    return true;
  }

  exit(user: UserId): void {
    const count = this.#byUser.get(user) ?? 0;
    if (count <= 1) this.#byUser.delete(user);
    else this.#byUser.set(user, count - 1);
  }

  /** Resolves when the last socket is gone. */
  empty(): Promise<void> {
    if (this.#all.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty.push(resolve));
  }
}
