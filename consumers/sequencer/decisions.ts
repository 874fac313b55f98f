/** Turns inbound records of one partition into batches: checked, decided, encoded, within one epoch. Sends nothing. */
import type { Offset } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { Decider, type Decision } from '../../core/sequencing/decide.ts';
import { type Batch, BatchBuilder } from './batch.ts';
import { type Checked, checkInbound } from './check.ts';
import type { Letter } from './dead-letters.ts';
import type { EpochWork } from './epoch-work.ts';
import type { InboundQueue } from './inbound-queue.ts';
import { type SchemaFinding, waitForSchema } from './schema-wait.ts';

type Decidable = Exclude<Checked, { kind: 'unknown_schema' }>;

/** `finding` is null while the registry is being asked. */
interface SchemaWait {
  readonly id: number;
  finding: SchemaFinding | null;
}

/** What decisions find wrong, for people. */
const DECIDED_MESSAGES: Readonly<Record<string, string>> = {
  bad_event: 'session and pub come together, pub is 1 or more, and key excludes both.',
  too_many_rooms: 'The partition has as many rooms as it may.',
};

export class Decisions {
  readonly #request: EpochWork;
  readonly #queue: InboundQueue;
  readonly #goOn: () => boolean;
  readonly #decider: Decider;
  /** Inbound offsets whose outbound records the broker found too large. */
  readonly #oversize = new Set<Offset>();
  #schemaWait: SchemaWait | null = null;

  /** `goOn`: false once the epoch's work has ended, whatever the reason. */
  constructor(request: EpochWork, queue: InboundQueue, goOn: () => boolean) {
    this.#request = request;
    this.#queue = queue;
    this.#goOn = goOn;
    const { sessionMaxAgeMs, keyWindowMs } = request.context.config;
    this.#decider = new Decider(request.readBack.fold, { sessionMaxAgeMs, keyWindowMs });
  }

  /** The next record can't be read before the registry has said something. */
  get waitsForSchema(): boolean {
    return this.#schemaWait !== null && this.#schemaWait.finding === null;
  }

  /** Lets go of what was read back. */
  prune(): void {
    this.#decider.prune();
  }

  /** Forgets decisions that surely never reach the log; all others must have been read back. */
  reset(): void {
    this.#decider.reset();
  }

  /** When it is decided again, this record is poison. */
  markOversize(inbound: Offset): void {
    this.#oversize.add(inbound);
  }

  /** The next batch; null where nothing can be decided now, or the work has ended. */
  async next(): Promise<Batch | null> {
    const { config, pace, share } = this.#request.context;
    const builder = new BatchBuilder(Math.min(config.batchBytes, share.batchBytes), this.#queue.arrivedAt);
    for (let source = this.#queue.peek(); source !== undefined; source = this.#queue.peek()) {
      if (!builder.hasPlaceFor(source)) break;
      if (pace.due(source.value?.length ?? 0)) {
        await pace.turn();
        if (!this.#goOn()) return null;
      }
      let checked = this.#check(source);
      if (checked.kind === 'unknown_schema') {
        // What comes before it must not wait for the registry.
        if (!builder.isEmpty) break;
        const resolved = this.#resolveSchema(source, checked.id);
        if (resolved === null) return null;
        checked = resolved;
      }
      this.#decide(builder, source, checked);
      this.#queue.shift();
    }
    return builder.build();
  }

  #check(source: LogRecord): Checked {
    const { context, readBack } = this.#request;
    if (this.#oversize.delete(source.offset)) {
      const message = 'The record does not fit outbound as that topic is configured.';
      return { kind: 'poison', message, poison: { reason: 'too_large' } };
    }
    return checkInbound(source, readBack.partition, context.partitions, context.codec);
  }

  /** Null while the registry is being asked; its answer makes the pulse beat. */
  #resolveSchema(source: LogRecord, id: number): Decidable | null {
    if (this.#schemaWait?.id !== id) {
      const { context, readBack, tenure, pulse } = this.#request;
      const wait: SchemaWait = { id, finding: null };
      this.#schemaWait = wait;
      void waitForSchema(context, readBack.partition, id, () => !tenure.closing && this.#goOn()).then((finding) => {
        wait.finding = finding;
        pulse.beat();
      });
    }
    const finding = this.#schemaWait?.finding ?? null;
    if (finding === null || finding === 'gave_up') return null;
    this.#schemaWait = null;
    if (finding === 'not_found') {
      const message = `The registry does not know schema ${id}. Register it, then send the record again.`;
      return { kind: 'poison', message, poison: { reason: 'schema_not_found' } };
    }
    const checked = this.#check(source);
    if (finding === 'known' && checked.kind !== 'unknown_schema') return checked;
    return { kind: 'poison', message: `Schema ${id} can’t be read as Avro.`, poison: { reason: 'bad_avro' } };
  }

  #decide(builder: BatchBuilder, source: LogRecord, checked: Decidable): void {
    const { context, epoch } = this.#request;
    const prevInbound = this.#decider.lastInbound;
    const { offset, timestamp } = source;
    const decision: Decision =
      checked.kind === 'good'
        ? this.#decider.decide(offset, timestamp, checked.event)
        : this.#decider.poison(offset, timestamp, checked.poison);
    const event = 'event' in decision ? decision.event : null;
    const answer = 'answer' in decision ? decision.answer : null;
    const record: OutboundRecord = {
      epoch,
      inbound: offset,
      prevInbound,
      inboundTime: timestamp,
      claim: null,
      event,
      answer,
      skipped: null,
    };
    const letter = this.#letterOf(source, record, checked);
    const kind = event !== null ? 'event' : letter !== null ? 'poison' : 'answer';
    const value =
      source.value === null
        ? context.codec.encodeOutbound(record)
        : context.codec.encodeSequenced(record, source.value);
    builder.add(source, { key: keyOf(source, record), value }, record, kind, letter);
  }

  #letterOf(record: LogRecord, { answer }: OutboundRecord, checked: Decidable): Letter | null {
    if (answer?.code !== 'poison') return null;
    const { partition } = this.#request.readBack;
    const reason = answer.reason ?? 'poison';
    const message =
      checked.kind === 'poison' ? checked.message : (DECIDED_MESSAGES[reason] ?? 'The record was refused.');
    return { partition, record, reason, message };
  }
}

/** The room's bytes, whatever the inbound record had for a key; null where no room could be read. */
function keyOf(source: LogRecord, { event, answer }: OutboundRecord): Buffer | null {
  // It was checked to be the room's.
  if (event !== null) return source.key;
  return answer === null || answer.room === '' ? null : Buffer.from(answer.room);
}
