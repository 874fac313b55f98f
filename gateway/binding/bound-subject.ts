/** What this gateway knows of one registry subject: its newest versions, looked at again and again. */
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { SubjectStore } from '../../core/ports/subject-store.ts';
import type { PayloadSchema } from '../../schemas/payload-schema.ts';

/** Versions kept of a subject; data of older ones is still read, but no longer taken. */
export const MAX_VERSIONS = 32;
/** Between two looks that a publish has asked for. */
const MIN_LOOK_MS = 1_000;
/** Ids that were asked for and are not the subject's. */
const MAX_FOREIGN_IDS = 64;

export interface BoundSubjectOptions {
  readonly name: string;
  readonly store: Pick<SubjectStore, 'versions'>;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: LogSink;
  /** null for a schema that can't be used, which is logged. */
  schemaOf(id: number, text: string): PayloadSchema | null;
}

export class BoundSubject {
  readonly #options: BoundSubjectOptions;
  /** Newest first. */
  #versions: readonly PayloadSchema[] = [];
  #looking: Promise<void> | null = null;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  /** When the look began that the versions are of. */
  #knownAtMs = Number.NEGATIVE_INFINITY;
  /** By id: when it was first asked for. */
  readonly #foreign = new Map<number, number>();
  #failing = false;

  constructor(options: BoundSubjectOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get versions(): readonly PayloadSchema[] {
    return this.#versions;
  }

  /** Throws `unavailable` where none is known yet. */
  newest(): PayloadSchema {
    const [newest] = this.#versions;
    if (newest !== undefined) return newest;
    this.#lookSoon();
    throw this.#unavailable();
  }

  /** Throws `schema_rejected` where the registry does not list the id under this subject, `unavailable` while that is not sure. */
  byId(id: number): PayloadSchema {
    const found = this.#versions.find((version) => version.id === id);
    if (found !== undefined) return found;
    const sinceMs = this.#foreign.get(id);
    if (sinceMs !== undefined && this.#knownAtMs > sinceMs) {
      const message = `Schema ${id} is not one of ${this.name}.`;
      throw new RoomlogError('schema_rejected', message, { details: { path: 'data' } });
    }
    if (sinceMs === undefined) this.#askAbout(id);
    this.#lookSoon();
    throw this.#unavailable();
  }

  /** Looks at the registry, also where somebody has just done so. Never rejects: what is known stays. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { name, store, clock, logger, schemaOf } = this.#options;
    const startedAtMs = clock.monotonic();
    this.#lookedAtMs = startedAtMs;
    try {
      const found = await store.versions(name, MAX_VERSIONS);
      this.#versions = found.map(({ id, schema }) => schemaOf(id, schema)).filter((version) => version !== null);
      this.#knownAtMs = startedAtMs;
      if (this.#failing) logger.info({ subject: name }, 'the schemas of a bound subject are known again');
      this.#failing = false;
    } catch (thrown) {
      const { code, message } = asRoomlogError(thrown, 'registry_unreachable');
      const known = this.#versions.length;
      if (!this.#failing) logger.warn({ subject: name, code, known, reason: message }, 'a bound subject is not known');
      this.#failing = true;
    }
  }

  #lookSoon(): void {
    if (this.#options.clock.monotonic() - this.#lookedAtMs >= MIN_LOOK_MS) void this.look();
  }

  #askAbout(id: number): void {
    this.#foreign.set(id, this.#options.clock.monotonic());
    if (this.#foreign.size <= MAX_FOREIGN_IDS) return;
    for (const oldest of this.#foreign.keys()) {
      this.#foreign.delete(oldest);
      break;
    }
  }

  #unavailable(): RoomlogError {
    return new RoomlogError('unavailable', `The schemas of ${this.name} are not known yet.`, {
      details: { retryAfter: MIN_LOOK_MS },
    });
  }
}
