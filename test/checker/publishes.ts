/** What publishers were told, against what the log holds. What nobody was told may or may not be there. */
import type { Findings } from './anomaly.ts';
import type { AckLine, HistoryLine, PublishLine } from './history.ts';
import type { FoldedEvent } from './own-fold.ts';

/** One publish over the whole history. */
interface Operation {
  readonly publish: PublishLine;
  readonly acks: AckLine[];
  refused: boolean;
}

/** A room's events in the log, by seq. */
export type Rooms = ReadonlyMap<string, ReadonlyMap<number, FoldedEvent>>;

/** Checks the log's own numbering. */
export function roomsOf(events: readonly FoldedEvent[], findings: Findings): Rooms {
  const rooms = new Map<string, Map<number, FoldedEvent>>();
  for (const event of events) {
    let room = rooms.get(event.room);
    if (room === undefined) {
      room = new Map();
      rooms.set(event.room, room);
    }
    if (event.seq !== room.size + 1) {
      const place = `partition ${event.partition}, record ${event.offset}`;
      findings.add('seq-conflict', `${place}: ${event.room} has ${event.seq} after ${room.size} events`);
    }
    room.set(event.seq, event);
  }
  return rooms;
}

const numberName = (room: string, user: string, session: string, pub: number): string =>
  JSON.stringify([room, user, session, pub]);

/** Publishes with the same identity are one to the log. Without number and key the content is all there is. */
function identityOf(publish: Pick<PublishLine, 'room' | 'user' | 'session' | 'pub' | 'key' | 'content'>): string {
  const { room, user, session, pub, key = null, content } = publish;
  return JSON.stringify([room, user, session, pub, key, content]);
}

export function checkPublishes(
  history: readonly HistoryLine[],
  events: readonly FoldedEvent[],
  findings: Findings,
): void {
  const operations = operationsOf(history, findings);
  const asked = new Map<string, Operation[]>();
  for (const operation of operations.values()) {
    const identity = identityOf(operation.publish);
    const same = asked.get(identity);
    if (same === undefined) asked.set(identity, [operation]);
    else same.push(operation);
  }
  const logged = new Map<string, FoldedEvent[]>();
  for (const event of events) {
    const identity = identityOf(event);
    const same = logged.get(identity);
    if (same === undefined) logged.set(identity, [event]);
    else same.push(event);
    checkOrigin(event, asked.get(identity) ?? [], findings);
  }
  for (const operation of operations.values()) {
    checkAcks(operation, logged.get(identityOf(operation.publish)) ?? [], findings);
  }
  checkRepeats(events, findings);
  checkSessions(events, findings);
  checkRealTime(asked, logged, findings);
}

function operationsOf(history: readonly HistoryLine[], findings: Findings): Map<string, Operation> {
  const operations = new Map<string, Operation>();
  for (const line of history) {
    if (line.type === 'publish' && !operations.has(line.op)) {
      operations.set(line.op, { publish: line, acks: [], refused: false });
    }
  }
  for (const line of history) {
    if (line.type !== 'ack' && line.type !== 'error') continue;
    const operation = operations.get(line.op);
    if (operation === undefined || operation.publish.client !== line.client) {
      findings.add('ack-mismatch', `${line.client} was answered for ${line.op}, which it never published`);
    } else if (line.type === 'ack') operation.acks.push(line);
    else if (line.final) operation.refused = true;
  }
  return operations;
}

/** Somebody must have sent it, and not every try of it been refused for good. */
function checkOrigin(event: FoldedEvent, askedFor: readonly Operation[], findings: Findings): void {
  const name = `${event.room} ${event.seq} (partition ${event.partition}, record ${event.offset})`;
  if (askedFor.length === 0) findings.add('phantom', `${name} was never published`);
  else if (askedFor.every(({ refused, acks }) => refused && acks.length === 0)) {
    findings.add('phantom', `${name} was refused: ${askedFor.map(({ publish }) => publish.op).join(', ')}`);
  }
}

function checkAcks({ publish, acks }: Operation, found: readonly FoldedEvent[], findings: Findings): void {
  for (const { seq } of acks) {
    const name = `${publish.op} (${publish.room}, pub ${publish.pub})`;
    if (found.length === 0) findings.add('lost', `${name} was acked with seq ${seq} and is not in the log`);
    else if (seq !== null && found.every((event) => event.seq !== seq)) {
      findings.add(
        'ack-mismatch',
        `${name} was acked with seq ${seq}, the log has ${found.map((each) => each.seq).join()}`,
      );
    }
  }
}

function checkRepeats(events: readonly FoldedEvent[], findings: Findings): void {
  const seen = new Map<string, FoldedEvent>();
  for (const event of events) {
    const { room, user, session, pub, key } = event;
    const numbered = session !== null && pub !== null;
    if (!numbered && key === null) continue;
    const name = numbered ? numberName(room, user, session, pub) : JSON.stringify([room, user, key]);
    const earlier = seen.get(name);
    if (earlier === undefined) seen.set(name, event);
    else findings.add('duplicate-log', `${name} is ${room} ${earlier.seq} and ${event.seq}`);
  }
}

/** A session's numbers rise. One that is there twice is a duplicate, whatever its place. */
function checkSessions(events: readonly FoldedEvent[], findings: Findings): void {
  const pubs = new Map<string, Set<number>>();
  const newest = new Map<string, number>();
  for (const { room, user, session, pub, seq } of events) {
    if (session === null || pub === null) continue;
    const name = JSON.stringify([room, user, session]);
    const known = pubs.get(name) ?? new Set();
    pubs.set(name, known);
    if (known.has(pub)) continue;
    known.add(pub);
    const last = newest.get(name) ?? 0;
    if (pub < last) findings.add('fifo-inversion', `${room} ${seq} is pub ${pub} of ${session}, after pub ${last}`);
    newest.set(name, Math.max(last, pub));
  }
}

/** What was acked before another was sent has the lower seq. Publishes with one identity are one, first sent with the first. */
function checkRealTime(
  asked: ReadonlyMap<string, readonly Operation[]>,
  logged: ReadonlyMap<string, readonly FoldedEvent[]>,
  findings: Findings,
): void {
  const rooms = new Map<string, Array<{ seq: number; op: string; sentAt: number; ackedAt: number }>>();
  for (const [identity, operations] of asked) {
    const found = logged.get(identity);
    // Which of several identical events is whose can't be told.
    if (found?.length !== 1 || found[0] === undefined) continue;
    const { room, seq } = found[0];
    const sentAt = Math.min(...operations.map(({ publish }) => publish.at));
    const ackedAt = Math.min(...operations.flatMap(({ acks }) => acks.map(({ at }) => at)));
    const published = rooms.get(room) ?? [];
    rooms.set(room, published);
    published.push({ seq, op: operations.map(({ publish }) => publish.op).join(', '), sentAt, ackedAt });
  }
  for (const [room, published] of rooms) {
    published.sort((left, right) => right.seq - left.seq);
    let earliest = { seq: 0, op: '', ackedAt: Number.POSITIVE_INFINITY };
    for (const one of published) {
      if (earliest.ackedAt < one.sentAt && earliest.seq > one.seq) {
        findings.add(
          'realtime-inversion',
          `${room}: ${earliest.op} was acked (seq ${earliest.seq}) before ${one.op} was sent (seq ${one.seq})`,
        );
      }
      if (one.ackedAt < earliest.ackedAt) earliest = one;
    }
  }
}
