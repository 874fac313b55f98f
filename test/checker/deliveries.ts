/** What subscribers got, against what the log holds and what they may have. */
import type { Findings } from './anomaly.ts';
import type { DeliveryLine, HistoryLine } from './history.ts';
import type { Rooms } from './publishes.ts';

/** A revoked right may still be used for so long: connections are told, not cut at once. */
export const REVOCATION_MS = 5_000;

/** One client's place in one room. */
interface Subscription {
  readonly client: string;
  readonly room: string;
  /** Everything up to it was delivered or announced; null: the first delivery tells. */
  position: number | null;
  readonly delivered: Set<number>;
  readonly skipped: Set<number>;
  open: boolean;
}

export interface DeliveryOptions {
  readonly revocationMs?: number;
}

export function checkDeliveries(
  history: readonly HistoryLine[],
  rooms: Rooms,
  findings: Findings,
  { revocationMs = REVOCATION_MS }: DeliveryOptions = {},
): void {
  const subscriptions = new Map<string, Subscription>();
  const nameOf = (client: string, room: string) => JSON.stringify([client, room]);
  const find = ({ client, room }: { client: string; room: string }) => {
    const known = subscriptions.get(nameOf(client, room));
    if (known !== undefined) return known;
    const unasked = {
      client,
      room,
      position: null,
      delivered: new Set<number>(),
      skipped: new Set<number>(),
      open: true,
    };
    subscriptions.set(nameOf(client, room), unasked);
    return unasked;
  };
  const may = rightsIn(history, revocationMs);
  let drained = false;
  for (const line of history) {
    switch (line.type) {
      case 'join': {
        const { client, room, from } = line;
        const fresh = {
          client,
          room,
          position: from,
          delivered: new Set<number>(),
          skipped: new Set<number>(),
          open: true,
        };
        subscriptions.set(nameOf(client, room), fresh);
        break;
      }
      case 'resume': {
        const subscription = find(line);
        if (subscription.position !== null && line.seq > subscription.position) {
          skip(subscription, line.seq, `resumed from ${line.seq}`, findings);
        }
        subscription.open = true;
        break;
      }
      case 'delivery':
        if (!may(line)) {
          findings.add('unauthorised-delivery', `${line.client} (${line.user}) got ${line.room} ${line.seq}`);
        }
        deliver(find(line), line, rooms, findings);
        break;
      case 'gap': {
        const subscription = find(line);
        const { position } = subscription;
        if (position !== null && line.from > position + 1) {
          skip(subscription, line.from - 1, `was told of a gap from ${line.from}`, findings);
        }
        subscription.position = Math.max(position ?? 0, line.to);
        break;
      }
      case 'live': {
        const subscription = find(line);
        if (subscription.position !== null && line.seq > subscription.position) {
          skip(subscription, line.seq, `was told to be live at ${line.seq}`, findings);
        }
        subscription.position ??= line.seq;
        break;
      }
      case 'leave':
        subscriptions.delete(nameOf(line.client, line.room));
        break;
      case 'close':
        for (const subscription of subscriptions.values()) {
          if (subscription.client === line.client) subscription.open = false;
        }
        break;
      case 'end':
        drained = line.drained;
        break;
    }
  }
  if (!drained) return;
  for (const { client, room, position, open } of subscriptions.values()) {
    const head = rooms.get(room)?.size ?? 0;
    if (open && position !== null && position < head) {
      findings.add('silent-gap', `${client} was left at ${room} ${position} of ${head}`);
    }
  }
}

function deliver(subscription: Subscription, line: DeliveryLine, rooms: Rooms, findings: Findings): void {
  const { client, room, seq, content } = line;
  const event = rooms.get(room)?.get(seq);
  if (event === undefined) findings.add('phantom', `${client} got ${room} ${seq}, which is not in the log`);
  else if (event.content !== content) {
    findings.add('seq-conflict', `${client} got other content as ${room} ${seq} than the log has`);
  }
  const { position, delivered, skipped } = subscription;
  if (delivered.has(seq)) findings.add('duplicate-delivery', `${client} got ${room} ${seq} twice`);
  else if (position !== null && seq <= position && !skipped.has(seq)) {
    findings.add('duplicate-delivery', `${client} got ${room} ${seq} when it was at ${position}`);
  } else if (position !== null && seq > position + 1) skip(subscription, seq - 1, `got ${seq}`, findings);
  delivered.add(seq);
  subscription.position = Math.max(position ?? 0, seq);
}

/** Reported once; what comes late after all is the same anomaly. */
function skip(subscription: Subscription, to: number, what: string, findings: Findings): void {
  const { client, room, skipped } = subscription;
  const position = subscription.position ?? 0;
  findings.add('silent-gap', `${client} was at ${room} ${position} and ${what}`);
  for (let seq = position + 1; seq <= to; seq++) skipped.add(seq);
  subscription.position = to;
}

/** Who may get what when; a user of whom nothing was said may get nothing. */
function rightsIn(history: readonly HistoryLine[], revocationMs: number): (line: DeliveryLine) => boolean {
  const rights = new Map<string, Array<{ at: number; rooms: readonly string[] | 'all' }>>();
  for (const line of history) {
    if (line.type !== 'rights') continue;
    const known = rights.get(line.user) ?? [];
    rights.set(line.user, known);
    known.push({ at: line.at, rooms: line.rooms });
  }
  for (const known of rights.values()) known.sort((left, right) => left.at - right.at);
  const allows = (granted: readonly string[] | 'all', room: string) => granted === 'all' || granted.includes(room);
  return ({ user, room, at }) => {
    const known = rights.get(user) ?? [];
    return known.some((granted, index) => {
      const until = (known[index + 1]?.at ?? Number.POSITIVE_INFINITY) + revocationMs;
      return granted.at <= at && at <= until && allows(granted.rooms, room);
    });
  };
}
