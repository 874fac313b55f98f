/**
 * A writer of the model: what it remembers, as plain values, and what it decides, by the production fold and decider. Both
 * are built anew from the records that the writer has read whenever it decides, so that states can be compared; what it
 * decided before and has not read back is decided again, and has to come out the same.
 */
import type { Epoch, Offset } from '../../../core/ids.ts';
import type { OutboundRecord } from '../../../core/log/record.ts';
import { Decider } from '../../../core/sequencing/decide.ts';
import type { LogNode, LogTree, RecordId } from './log-tree.ts';
import { type Violation, violation } from './properties.ts';
import type { InboundEntry, Scenario } from './scenario.ts';

/** One append: a claim, or a batch of answers; arrives whole or not at all. */
export type PacketId = number;

export interface Packet {
  readonly records: readonly RecordId[];
  /** The newest inbound offset that it answers; -1 for a claim. */
  readonly last: number;
}

export type Writer =
  /** Crashed, fenced, or not started: remembers nothing. */
  | { readonly phase: 'idle'; readonly key: string }
  | { readonly phase: 'claiming'; readonly key: string; readonly claim: RecordId; readonly base: LogNode | null }
  | {
      readonly phase: 'processing';
      readonly key: string;
      readonly epoch: Offset;
      /** Records that it has read. */
      readonly read: number;
      /** The inbound record that it decides next. */
      readonly next: number;
      /** Sent, not known to be in the log; -1: none. */
      readonly inFlight: PacketId;
      /** Answered to be in the log, not read back. */
      readonly unread: readonly PacketId[];
      /** Only of the mutant that folds before it claims: what it had folded by then. */
      readonly base: LogNode | null;
    };

export type Processing = Writer & { phase: 'processing' };

export const IDLE: Writer = { phase: 'idle', key: '-' };
/** As consumers/sequencer/process.ts has it: batches read back are at most so many behind. */
const MAX_UNREAD_BATCHES = 1;

export const mayDecide = (writer: Processing): boolean =>
  writer.inFlight === -1 && writer.unread.length <= MAX_UNREAD_BATCHES;

/** `key` says all that the writer remembers. */
export function claiming(claim: RecordId, base: LogNode | null): Writer {
  return { phase: 'claiming', key: `c${claim}${baseKey(base)}`, claim, base };
}

export function processing(writer: Omit<Processing, 'phase' | 'key'>): Processing {
  const { epoch, read, next, inFlight, unread, base } = writer;
  const key = `p${epoch},${read},${next},${inFlight},${unread.join('.')}${baseKey(base)}`;
  return { phase: 'processing', key, epoch, read, next, inFlight, unread, base };
}

const baseKey = (base: LogNode | null): string => (base === null ? '' : `b${base.id}`);

export class Packets {
  readonly #ids = new Map<string, PacketId>();
  readonly #all: Packet[] = [];

  idOf(packet: Packet): PacketId {
    const key = packet.records.join();
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#all.push(packet) - 1;
      this.#ids.set(key, id);
    }
    return id;
  }

  get(id: PacketId): Packet {
    return this.#all[id] as Packet;
  }
}

/** What a writer's own fold has after what it read; `halted` where it stopped or the caller did what it must not. */
export interface View {
  readonly epoch: Epoch;
  readonly lastInbound: number;
}

export class Decisions {
  readonly #tree: LogTree;
  readonly #scenario: Scenario;
  readonly #packets: Packets;
  readonly #decided = new Map<string, PacketId | Violation | 'halted'>();
  readonly #views = new Map<string, View | 'halted'>();

  constructor(tree: LogTree, scenario: Scenario, packets: Packets) {
    this.#tree = tree;
    this.#scenario = scenario;
    this.#packets = packets;
  }

  /** What the writer's fold has read: the whole log up to where it is; of the mutant not what lies before its claim. */
  viewOf(log: LogNode, writer: Processing): View | 'halted' {
    const prefix = this.#tree.prefix(log, writer.read);
    if (writer.base === null) return prefix.fault === null ? prefix : 'halted';
    const key = `${writer.base.id},${writer.epoch},${prefix.id}`;
    let view = this.#views.get(key);
    if (view === undefined) {
      const fold = this.#foldOf(prefix, writer, 0);
      view = fold === null ? 'halted' : { epoch: fold.chain.epoch, lastInbound: fold.chain.lastInbound };
      this.#views.set(key, view);
    }
    return view;
  }

  /** Decides the next `count` records; a packet to be sent. */
  decide(log: LogNode, writer: Processing, version: 0 | 1, count: number): PacketId | Violation | 'halted' {
    const prefix = this.#tree.prefix(log, writer.read);
    const key = `${prefix.id},${version},${count},${writer.key}`;
    let decided = this.#decided.get(key);
    if (decided === undefined) {
      decided = this.#decide(prefix, writer, version, count);
      this.#decided.set(key, decided);
    }
    return decided;
  }

  #decide(prefix: LogNode, writer: Processing, version: 0 | 1, count: number): PacketId | Violation | 'halted' {
    const fold = this.#foldOf(prefix, writer, version);
    if (fold === null) return 'halted';
    const decider = new Decider(fold, this.#scenario.versions[version]);
    const epoch = writer.epoch as number as Epoch;
    try {
      for (const id of writer.unread) {
        for (const sent of this.#packets.get(id).records) {
          const before = this.#tree.records.get(sent);
          if (before.inbound <= fold.chain.lastInbound) continue;
          const again = recordOf(decider, epoch, before.inbound, this.#asked(before.inbound));
          if (essence(again) !== essence(before)) {
            return violation('decisions repeatable', `${essence(again)} instead of ${essence(before)}`);
          }
        }
      }
      const records: RecordId[] = [];
      for (let inbound = writer.next; inbound < writer.next + count; inbound++) {
        records.push(this.#tree.records.idOf(recordOf(decider, epoch, inbound as Offset, this.#asked(inbound))));
      }
      return this.#packets.idOf({ records, last: writer.next + count - 1 });
    } catch {
      // The decider refuses what was decided before: only a mutant's writer can come to that.
      return 'halted';
    }
  }

  #asked(inbound: number): InboundEntry {
    return this.#scenario.inbound[inbound] as InboundEntry;
  }

  #foldOf(prefix: LogNode, writer: Processing, version: 0 | 1) {
    const fold = this.#tree.newFold('start', this.#scenario.versions[version]);
    for (const [offset, record] of this.#tree.recordsOf(prefix).entries()) {
      const unseen = writer.base !== null && offset >= writer.base.length && offset < writer.epoch;
      if (!unseen && fold.apply(offset as Offset, record).kind === 'fault') return null;
    }
    return fold;
  }
}

/** Decides the next inbound record, as consumers/sequencer/decisions.ts makes an outbound record of it. */
export function recordOf(decider: Decider, epoch: Epoch, inbound: Offset, asked: InboundEntry): OutboundRecord {
  const prevInbound = decider.lastInbound;
  const decision = decider.decide(inbound, asked.time, asked.event);
  const bodies = { claim: null, event: null, answer: null, skipped: null, ...decision };
  return { epoch, inbound, prevInbound, inboundTime: asked.time, ...bodies };
}

/** Hints of where the original stands are better known later; all else must be the same. */
function essence(record: OutboundRecord): string {
  const { event, answer } = record;
  return JSON.stringify({
    ...record,
    event: event && { ...event, prev: null },
    answer: answer && { ...answer, offset: null },
  });
}
