/**
 * Every log that the exploration meets, as a tree: a log is its last record behind the log before it. Records are kept
 * once each, so that two ways to the same log meet in the same node. What the production fold makes of a log is worked
 * out when the log is first met.
 */
import { Buffer } from 'node:buffer';
import { type Epoch, NO_EPOCH, NO_OFFSET, type Offset } from '../../../core/ids.ts';
import type { Chain } from '../../../core/log/chain.ts';
import { Fold } from '../../../core/log/fold.ts';
import type { OutboundRecord } from '../../../core/log/record.ts';
import type { PublishersLimits } from '../../../core/sequencing/publishers.ts';
import type { Mutant, ReaderStart } from './mutants.ts';

/** A record by its number in `Records`; the number says that two are the same bytes. */
export type RecordId = number;

export class Records {
  readonly #ids = new Map<string, RecordId>();
  readonly #all: OutboundRecord[] = [];

  idOf(record: OutboundRecord): RecordId {
    const key = JSON.stringify(record, (_, value: unknown) => (value === undefined ? null : value));
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#all.push(record) - 1;
      this.#ids.set(key, id);
    }
    return id;
  }

  get(id: RecordId): OutboundRecord {
    return this.#all[id] as OutboundRecord;
  }

  /** The claim with this number. Its nonce is the number, and whose it is does not matter to anyone who reads it. */
  claim(number: number): RecordId {
    const nonce = Buffer.alloc(16, number + 1);
    return this.idOf({
      epoch: NO_EPOCH,
      inbound: NO_OFFSET,
      prevInbound: NO_OFFSET,
      inboundTime: 0,
      claim: { nonce, streamId: 'stream', foldVersion: 1, partitions: 1 },
      event: null,
      answer: null,
      skipped: null,
    });
  }
}

export interface LogNode {
  readonly id: number;
  /** Records in the log. */
  readonly length: number;
  readonly parent: LogNode | null;
  readonly recordId: RecordId;
  readonly isClaim: boolean;
  readonly children: Map<RecordId, LogNode>;
  /** As the fold from offset 0 has it behind the last record. */
  readonly epoch: Epoch;
  readonly lastInbound: Offset;
  /** Offsets whose records were accepted, in order. */
  readonly accepted: readonly Offset[];
  /** The fold stopped here; the log is not explored further. */
  readonly fault: string | null;
}

export class LogTree {
  readonly records = new Records();
  readonly root: LogNode;
  readonly #mutant: Mutant;
  readonly #nodes: LogNode[] = [];
  /** Called for each new log. */
  readonly #onNew: (log: LogNode) => void;

  constructor(mutant: Mutant, onNew: (log: LogNode) => void) {
    this.#mutant = mutant;
    this.#onNew = onNew;
    this.root = {
      id: 0,
      length: 0,
      parent: null,
      recordId: -1,
      isClaim: false,
      children: new Map(),
      epoch: NO_EPOCH,
      lastInbound: NO_OFFSET,
      accepted: [],
      fault: null,
    };
    this.#nodes.push(this.root);
  }

  get size(): number {
    return this.#nodes.length;
  }

  /** Logs that no explored step has made longer: whoever reads them reads every other one on the way. */
  *longest(): IterableIterator<LogNode> {
    for (const node of this.#nodes) if (node.children.size === 0) yield node;
  }

  append(log: LogNode, recordId: RecordId): LogNode {
    const known = log.children.get(recordId);
    if (known !== undefined) return known;
    const length = log.length + 1;
    const isClaim = this.records.get(recordId).claim !== null;
    const node = {
      id: this.#nodes.length,
      length,
      parent: log,
      recordId,
      isClaim,
      children: new Map(),
      ...this.#judge(log, recordId),
    };
    log.children.set(recordId, node);
    this.#nodes.push(node);
    this.#onNew(node);
    return node;
  }

  /** The log's records, from offset 0. */
  recordsOf(log: LogNode): OutboundRecord[] {
    const records = new Array<OutboundRecord>(log.length);
    for (let at: LogNode = log; at.parent !== null; at = at.parent)
      records[at.length - 1] = this.records.get(at.recordId);
    return records;
  }

  /** The log as it was when it had so many records. */
  prefix(log: LogNode, length: number): LogNode {
    let at = log;
    while (at.length > length && at.parent !== null) at = at.parent;
    return at;
  }

  /** A production fold with the mutant's parts, if it has any. */
  newFold(start: ReaderStart, publishers: PublishersLimits | null = null): Fold {
    const { chain, digestOf } = this.#mutant;
    return new Fold({
      start,
      publishers,
      ...(chain === undefined ? {} : { chain: chain(start) }),
      ...(digestOf === undefined ? {} : { digestOf }),
    });
  }

  #judge(log: LogNode, recordId: RecordId): Pick<LogNode, 'epoch' | 'lastInbound' | 'accepted' | 'fault'> {
    const fold = this.newFold('start');
    for (const [offset, record] of this.recordsOf(log).entries()) fold.apply(offset as Offset, record);
    const verdict = fold.apply(log.length as Offset, this.records.get(recordId));
    const { epoch, lastInbound } = fold.chain as Chain;
    const accepted = verdict.kind === 'accepted' ? [...log.accepted, log.length as Offset] : log.accepted;
    const fault = verdict.kind === 'fault' ? `${verdict.fault}: ${verdict.message}` : null;
    return { epoch, lastInbound, accepted, fault };
  }
}
