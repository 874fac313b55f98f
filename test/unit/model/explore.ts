/**
 * Every state that two writers, a network and a log can reach within the scope, breadth first. A state is the log, what
 * each writer remembers, and the appends under way; two states with the same key have the same future, and the second is
 * not explored again.
 *
 *     step                      stands for
 *     crash                     kill -9, or the group took the partition: the writer remembers nothing
 *     claim                     an idle writer sends a claim, once
 *     read own claim            the rebuild has ended; from here on it decides
 *     read                      one record of outbound; a claim fences, an own answer is read back
 *     decide n                  the next n inbound records, as one batch
 *     send again                the same bytes, after an outcome that is not known
 *     append                    an append arrives, whenever it does, and its response is lost
 *     append, answered          the same, and its writer learns it
 *     append twice              a claim arrives, and a copy of it is still under way
 *
 * An append that never arrives is one that is still under way at the end. A writer that sleeps is one that takes no step.
 */
import type { Offset } from '../../../core/ids.ts';
import type { OutboundRecord } from '../../../core/log/record.ts';
import { describeRecord, outcomeOf } from './describe.ts';
import { type Explored, type ExploreOptions, type Found, type Met, nothingMet, type Scope } from './explored.ts';
import { type Finished, finish } from './finish.ts';
import { type LogNode, LogTree } from './log-tree.ts';
import type { Mutant } from './mutants.ts';
import { withoutPacket, withPacket } from './network.ts';
import { type Violation, violation, violationIn } from './properties.ts';
import { believedWithoutClaim, disagreement, type ReaderCounts } from './readers.ts';
import type { Scenario } from './scenario.ts';
import { wrongFromSnapshot } from './snapshot-readers.ts';
import {
  claiming,
  Decisions,
  IDLE,
  mayDecide,
  type PacketId,
  Packets,
  type Processing,
  processing,
  type Writer,
} from './writer.ts';

interface State {
  readonly log: LogNode;
  readonly writers: readonly [Writer, Writer];
  /** Appends under way; see network.ts. */
  readonly network: string;
  readonly claims: number;
  readonly copies: number;
}

/** Ends with the first violation, or when there is nothing left to explore. */
export function explore(options: ExploreOptions): Explored {
  return new Exploration(options).run();
}

class Exploration {
  readonly #scenario: Scenario;
  readonly #scope: Scope;
  readonly #mutant: Mutant;
  readonly #tree: LogTree;
  readonly #packets = new Packets();
  readonly #decisions: Decisions;
  readonly #known = new Set<string>();
  readonly #alike: boolean;
  readonly #onLongest: ExploreOptions['onLongest'] | null;
  #frontier: State[] = [];
  #next: State[] = [];
  #violation: Found | null = null;
  readonly #met: Met = nothingMet();

  constructor({ scenario, scope, mutant, onLongest }: ExploreOptions) {
    this.#onLongest = onLongest ?? null;
    this.#scenario = scenario;
    this.#scope = scope;
    this.#mutant = mutant;
    this.#tree = new LogTree(mutant, (log) => this.#onNewLog(log));
    this.#decisions = new Decisions(this.#tree, scenario, this.#packets);
    // Writers that decide alike can change places.
    this.#alike = scenario.versions[0] === scenario.versions[1];
  }

  run(): Explored {
    this.#reach({ log: this.#tree.root, writers: [IDLE, IDLE], network: '', claims: 0, copies: 0 });
    while (this.#next.length > 0 && this.#violation === null) {
      this.#frontier = this.#next;
      this.#next = [];
      for (const state of this.#frontier) {
        this.#stepsOf(state);
        if (this.#violation !== null) break;
      }
    }
    this.#read(disagreement);
    this.#read(believedWithoutClaim);
    const snapshots = { mutant: this.#mutant, versions: this.#scenario.versions };
    this.#read((tree, log, counts) => wrongFromSnapshot(tree, log, counts, snapshots));
    if (this.#violation === null && this.#onLongest) {
      for (const log of this.#tree.longest()) this.#onLongest(this.#tree.recordsOf(log), log.accepted);
    }
    this.#met.states = this.#known.size;
    this.#met.logs = this.#tree.size;
    return { met: this.#met, violation: this.#violation };
  }

  /** Whoever reads the longest logs reads all others on the way. */
  #read(readersOf: (tree: LogTree, log: LogNode, counts: ReaderCounts) => Violation | null): void {
    if (this.#violation !== null) return;
    for (const log of this.#tree.longest()) {
      const found = readersOf(this.#tree, log, this.#met);
      if (found === null) continue;
      this.#report(found, log);
      return;
    }
  }

  #reach(state: State): void {
    this.#met.steps++;
    const first = this.#settled(state.log, state.writers[0]);
    const second = this.#settled(state.log, state.writers[1]);
    const swap = this.#alike && second.key < first.key;
    const writers: readonly [Writer, Writer] = swap ? [second, first] : [first, second];
    const { log, network, claims, copies } = state;
    const key = `${log.id}|${writers[0].key}|${writers[1].key}|${claims}${copies}|${network}`;
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#next.push({ log, writers, network, claims, copies });
  }

  /** Reading what changes nothing is no step of its own: records that the fold drops. */
  #settled(log: LogNode, writer: Writer): Writer {
    if (writer.phase !== 'processing' || writer.base !== null || writer.read === log.length) return writer;
    let read = writer.read;
    while (read < log.length) {
      const record = this.#tree.prefix(log, read + 1);
      if (record.isClaim || record.accepted.at(-1) === read) break;
      read++;
    }
    return read === writer.read ? writer : processing({ ...writer, read });
  }

  #stepsOf(state: State): void {
    for (const index of [0, 1] as const) {
      const writer = state.writers[index];
      if (writer.phase === 'idle') this.#claim(state, index);
      else if (state.claims < this.#scope.claims) {
        // Later, a writer that crashed and one that takes no more steps come to the same.
        this.#met.crashes++;
        this.#reach(withWriter(state, index, IDLE));
      }
      if (writer.phase === 'claiming') this.#readOwnClaim(state, index, writer);
      if (writer.phase === 'processing') this.#process(state, index, writer);
    }
    let before = '';
    for (const packet of state.network) {
      if (packet !== before) this.#arrive(state, packet.charCodeAt(0));
      before = packet;
    }
  }

  #claim(state: State, index: 0 | 1): void {
    if (state.claims === this.#scope.claims) return;
    const claim = this.#tree.records.claim(state.claims);
    const packet = this.#packets.idOf({ records: [claim], last: -1 });
    const base = this.#mutant.rebuildsBeforeClaim ? state.log : null;
    const sent = withWriter(state, index, claiming(claim, base));
    this.#reach({ ...sent, network: withPacket(state.network, packet), claims: state.claims + 1 });
  }

  #readOwnClaim(state: State, index: 0 | 1, { claim, base }: Writer & { phase: 'claiming' }): void {
    for (let log = state.log; log.parent !== null; log = log.parent) {
      if (log.recordId !== claim) continue;
      const epoch = log.parent.length as Offset;
      const started = processing({ epoch, read: log.length, next: 0, inFlight: -1, unread: [], base });
      const view = this.#decisions.viewOf(state.log, started);
      // The epoch is where the fold has it; where it has another, this claim was not the newest.
      if (view === 'halted' || view.epoch !== (started.epoch as number)) continue;
      this.#reach(withWriter(state, index, processing({ ...started, next: view.lastInbound + 1 })));
    }
  }

  #process(state: State, index: 0 | 1, writer: Processing): void {
    if (writer.read < state.log.length) this.#readOne(state, index, writer);
    if (writer.inFlight !== -1 && state.copies < this.#scope.copies) {
      this.#met.sentAgain++;
      this.#reach({ ...state, network: withPacket(state.network, writer.inFlight), copies: state.copies + 1 });
    }
    if (!mayDecide(writer)) return;
    const most = Math.min(this.#scope.batch, this.#scenario.inbound.length - writer.next);
    for (let count = 1; count <= most; count++) {
      const packet = this.#decisions.decide(state.log, writer, index, count);
      if (packet === 'halted') this.#reach(withWriter(state, index, IDLE));
      else if (typeof packet === 'object') this.#report(packet, state.log);
      else {
        if (writer.unread.length > 0) this.#met.decidedAhead++;
        const sent = processing({ ...writer, next: writer.next + count, inFlight: packet });
        this.#reach({ ...withWriter(state, index, sent), network: withPacket(state.network, packet) });
      }
    }
  }

  #readOne(state: State, index: 0 | 1, writer: Processing): void {
    const reading = processing({ ...writer, read: writer.read + 1 });
    const record = this.#tree.records.get(this.#tree.prefix(state.log, reading.read).recordId);
    const view = this.#decisions.viewOf(state.log, reading);
    if (view === 'halted' || (record.claim !== null && view.epoch !== (writer.epoch as number))) {
      this.#met.fenced++;
      this.#reach(withWriter(state, index, IDLE));
      return;
    }
    const isRead = (packet: PacketId) => this.#packets.get(packet).last <= view.lastInbound;
    const unread = writer.unread.filter((packet) => !isRead(packet));
    const inFlight = writer.inFlight !== -1 && isRead(writer.inFlight) ? -1 : writer.inFlight;
    this.#reach(withWriter(state, index, processing({ ...reading, unread, inFlight })));
  }

  #arrive(state: State, packet: PacketId): void {
    const { records, last } = this.#packets.get(packet);
    let log = state.log;
    for (const record of records) {
      log = this.#tree.append(log, record);
      if (log.fault !== null || this.#violation !== null) return;
    }
    const network = withoutPacket(state.network, packet);
    this.#reach({ ...state, log, network });
    const waiting = state.writers.findIndex((writer) => writer.phase === 'processing' && writer.inFlight === packet);
    if (last === -1) {
      if (state.copies === this.#scope.copies) return;
      this.#met.repeatedClaims++;
      this.#reach({ ...state, log, copies: state.copies + 1 });
    } else if (waiting === -1) this.#met.late++;
    else this.#answered({ ...state, log, network }, waiting as 0 | 1, packet);
  }

  #answered(state: State, index: 0 | 1, packet: PacketId): void {
    const writer = state.writers[index] as Processing;
    if (this.#mutant.answersFromResponse) this.#checkResponse(state.log, this.#packets.get(packet).records);
    const answered = processing({ ...writer, inFlight: -1, unread: [...writer.unread, packet] });
    this.#reach(withWriter(state, index, answered));
  }

  /** What a publisher was told must be what the log says, now or once the next owner, of either version, has done its work. */
  #checkResponse(log: LogNode, records: readonly number[]): void {
    for (const [at, told] of records.entries()) {
      if (log.accepted.includes((log.length - records.length + at) as Offset)) continue;
      for (const version of [0, 1] as const) {
        const record = this.#tree.records.get(told);
        const truth = this.#finished(log, version).accepted[record.inbound];
        if (truth !== undefined && outcomeOf(truth) === outcomeOf(record)) continue;
        const message = `a publisher was told ${outcomeOf(record)}, but the log says ${truth && outcomeOf(truth)}`;
        this.#report(violation('acks true', message), log);
      }
    }
  }

  #onNewLog(log: LogNode): void {
    this.#met.longestLog = Math.max(this.#met.longestLog, log.length);
    if (log.fault !== null) {
      this.#report(violation('no fault', log.fault), log);
      return;
    }
    const records = this.#tree.recordsOf(log);
    const isAccepted = log.accepted.at(-1) === log.length - 1;
    const last = records.at(-1) as OutboundRecord;
    if (!isAccepted && last.claim === null) {
      if (last.epoch < log.epoch) this.#met.stale++;
      else this.#met.repeats++;
    }
    const accepted = log.accepted.map((offset) => records[offset] as OutboundRecord);
    const found = (isAccepted ? violationIn(this.#scenario.inbound, accepted) : null) ?? this.#unfinished(log);
    if (found !== null) this.#report(found, log);
  }

  /** From every log there is a way on. The mutant's writer has read less than the log, so that this is not its way. */
  #unfinished(log: LogNode): Violation | null {
    if (this.#mutant.rebuildsBeforeClaim) return null;
    const { accepted } = this.#finished(log, 0);
    const count = this.#scenario.inbound.length;
    if (accepted.length !== count) return violation('work can be finished', `${accepted.length} of ${count} answers`);
    return violationIn(this.#scenario.inbound, accepted);
  }

  #finished(log: LogNode, version: 0 | 1): Finished {
    return finish(this.#tree, this.#scenario, log, version);
  }

  #report(found: Violation, log: LogNode): void {
    const finished = ([0, 1] as const).map((version) => this.#finished(log, version).records);
    this.#violation ??= { ...found, log: this.#tree.recordsOf(log).map(describeRecord), finished };
  }
}

function withWriter(state: State, index: 0 | 1, writer: Writer): State {
  const { writers } = state;
  return { ...state, writers: index === 0 ? [writer, writers[1]] : [writers[0], writer] };
}
