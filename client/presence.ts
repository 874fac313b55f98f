/** A room's members, kept current by diffs. */
import type { Member, MembersBody, PresenceFrame } from './frames.ts';

export interface Presence {
  readonly version: number;
  /** At most as many as the gateway lists; `count` is the whole number. */
  readonly members: readonly Member[];
  readonly count: number;
  /** What this change was; both empty when the list came whole. */
  readonly joined: readonly Member[];
  readonly left: readonly Member[];
}

export class PresenceView {
  readonly #members = new Map<string, Member>();
  #version = -1;
  #count = 0;
  /** The gateway lists all members, so that they can be counted here. */
  #whole = true;

  /** Takes a whole list; an older one than what is known is left. */
  replace(body: MembersBody): Presence | null {
    if (body.version < this.#version) return null;
    this.#members.clear();
    for (const member of body.members) this.#members.set(member.connection, member);
    this.#version = body.version;
    this.#count = body.count;
    this.#whole = body.members.length === body.count;
    return this.#show([], []);
  }

  /** `'missed'`: a version is missing, the list has to be asked for again. `'known'`: an old diff. */
  apply(diff: PresenceFrame): Presence | 'missed' | 'known' {
    if (diff.version <= this.#version) return 'known';
    if (this.#version < 0 || diff.version !== this.#version + 1) return 'missed';
    this.#version = diff.version;
    for (const member of diff.left) this.#members.delete(member.connection);
    for (const member of diff.joined) this.#members.set(member.connection, member);
    this.#count = this.#whole ? this.#members.size : this.#count + diff.joined.length - diff.left.length;
    return this.#show(diff.joined, diff.left);
  }

  /** A new connection starts from a new list. */
  forget(): void {
    this.#version = -1;
  }

  #show(joined: readonly Member[], left: readonly Member[]): Presence {
    return { version: this.#version, members: [...this.#members.values()], count: this.#count, joined, left };
  }
}
