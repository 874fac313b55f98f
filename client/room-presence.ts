/** Who is in a joined room: diffs as they come, and the whole list again where one is missing. */
import { type Connection, errorOf } from './connection.ts';
import { callSafely } from './emitter.ts';
import type { RoomlogClientError } from './errors.ts';
import type { JoinedFrame, PresenceFrame, ServerFrame } from './frames.ts';
import { type Presence, PresenceView } from './presence.ts';

export interface PresenceHandlers {
  readonly onPresence: ((presence: Presence) => void) | undefined;
  onError(error: RoomlogClientError): void;
}

export class RoomPresence {
  readonly #room: string;
  readonly #handlers: PresenceHandlers;
  readonly #view = new PresenceView();
  #connection: Connection | null = null;
  #asked = false;
  /** The newest diff that could not be applied. */
  #missedVersion = -1;

  constructor(room: string, handlers: PresenceHandlers) {
    this.#room = room;
    this.#handlers = handlers;
  }

  connected(connection: Connection): void {
    this.#connection = connection;
  }

  disconnected(): void {
    this.#connection = null;
    this.#view.forget();
    this.#asked = false;
    this.#missedVersion = -1;
  }

  /** The list that `joined` brought, if it could be had in time. */
  entered(members: JoinedFrame['members']): void {
    if (members !== undefined && 'version' in members) this.#take(members);
    else this.#ask();
  }

  handle(diff: PresenceFrame): void {
    const outcome = this.#view.apply(diff);
    if (outcome === 'missed') {
      this.#missedVersion = Math.max(this.#missedVersion, diff.version);
      this.#ask();
    } else if (outcome !== 'known') callSafely(this.#handlers.onPresence, outcome);
  }

  /** Replaces what others see of this member. Rejects as `Connection.ask` does. */
  async setMeta(connection: Connection, meta: unknown): Promise<void> {
    this.#take(await connection.ask({ type: 'presence', room: this.#room, meta }));
  }

  #ask(): void {
    const connection = this.#connection;
    if (!connection || this.#asked) return;
    this.#asked = true;
    // Not a promise: a diff may follow the list at once, before a promise's reaction would run.
    connection.request(
      (id) => ({ type: 'presence', room: this.#room, id }),
      (frame) => {
        if (frame === null || connection !== this.#connection) return;
        this.#asked = false;
        if (frame.type === 'error') this.#handlers.onError(errorOf({ ...frame, room: this.#room }));
        else this.#take(frame);
        if (frame.type === 'members' && frame.version < this.#missedVersion) this.#ask();
      },
    );
  }

  #take(frame: ServerFrame | NonNullable<JoinedFrame['members']>): void {
    if (!('version' in frame) || !('members' in frame) || !('count' in frame)) return;
    const presence = this.#view.replace(frame);
    if (presence) callSafely(this.#handlers.onPresence, presence);
  }
}
