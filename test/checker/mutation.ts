/** What mutations are made of: what a valid run holds, and changes to it. */
import type { AnomalyName } from './anomaly.ts';
import { LONELY, type Run } from './generate.ts';
import type { AckLine, DeliveryLine, HistoryLine, MembersLine, PublishLine } from './history.ts';
import type { LogEvent, LogLine } from './log-line.ts';

export type Random = (below: number) => number;

export interface Mutation {
  readonly name: AnomalyName;
  readonly what: string;
  readonly apply: (run: Run, random: Random) => Run | null;
}

export const isType =
  <Type extends HistoryLine['type']>(type: Type) =>
  (line: HistoryLine): line is HistoryLine & { type: Type } =>
    line.type === type;

export const pick = <T>(all: readonly T[], random: Random): T | undefined => all[random(all.length)];

export const replaced = <T>(all: readonly T[], before: T, ...after: T[]): T[] =>
  all.flatMap((each) => (each === before ? after : [each]));

export const publishesOf = ({ history }: Run): PublishLine[] => history.filter(isType('publish'));
const ackOf = ({ history }: Run, op: string): AckLine | undefined =>
  history.filter(isType('ack')).find((ack) => ack.op === op);

/** Records that count, by the generator's own knowledge: dropped ones repeat an inbound or hold the zombie's content. */
export function accepted({ log }: Run): Array<LogLine & { event: LogEvent }> {
  const seen = new Set<string>();
  return log.filter((line): line is LogLine & { event: LogEvent } => {
    const name = `${line.partition} ${line.inbound}`;
    if (line.event === null || line.event.content === 'content-zombie' || seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

/** All copies of an event's record: a change to one that is repeated later has to be made to both. */
export const withEvent = (log: readonly LogLine[], before: LogEvent, after: LogEvent | null): LogLine[] =>
  log.map((line) => (line.event === before ? { ...line, event: after } : line));

export const lastLonely = (run: Run): (LogLine & { event: LogEvent }) | undefined =>
  accepted(run).findLast(({ event }) => event.room === LONELY);

export function acked(run: Run): Array<{ publish: PublishLine; ack: AckLine; event: LogEvent }> {
  const events = new Map(accepted(run).map(({ event }) => [event.content, event]));
  return publishesOf(run).flatMap((publish) => {
    const ack = ackOf(run, publish.op);
    const event = events.get(publish.content);
    return ack !== undefined && event !== undefined && event.room === publish.room ? [{ publish, ack, event }] : [];
  });
}

/** Appends an event as the newest of its room and delivers it to everyone who is there. */
export function appendTo(run: Run, event: Omit<LogEvent, 'seq'>): Run {
  const { room } = event;
  const newest = run.log.findLast((line) => accepted(run).some((each) => each === line && each.event.room === room));
  if (newest === undefined) return run;
  const lines = run.log.filter(({ partition }) => partition === newest.partition);
  const claim = lines.findLast((line) => line.claim) as LogLine;
  const last = Math.max(
    ...lines
      .filter(({ claim: isClaim, event: told }) => !isClaim && told?.content !== 'content-zombie')
      .map(({ inbound }) => inbound),
  );
  const seq = (newest.event?.seq ?? 0) + 1;
  const record: LogLine = {
    partition: newest.partition,
    offset: Math.max(...lines.map(({ offset }) => offset)) + 1,
    epoch: claim.offset,
    inbound: last + 1,
    prevInbound: last,
    claim: false,
    event: { ...event, seq },
  };
  const end = run.history.at(-1) as HistoryLine;
  const deliveries = openAt(run)
    .filter((open) => open.room === room)
    .map(
      ({ client, user }) =>
        ({ type: 'delivery', process: client, at: end.at, client, user, room, seq, content: event.content }) as const,
    );
  return { log: [...run.log, record], history: [...run.history.slice(0, -1), ...deliveries, end] };
}

/** Subscriptions that are open at the end. */
export function openAt({ history }: Run): Array<{ client: string; user: string; room: string }> {
  const open = new Map<string, { client: string; user: string; room: string }>();
  for (const line of history) {
    if (line.type === 'join' || line.type === 'resume') {
      const user = `reader-${line.client.slice(1)}`;
      open.set(`${line.client} ${line.room}`, { client: line.client, room: line.room, user });
    } else if (line.type === 'leave') open.delete(`${line.client} ${line.room}`);
    else if (line.type === 'close') {
      for (const [name, { client }] of open) if (client === line.client) open.delete(name);
    }
  }
  return [...open.values()];
}

/** Deliveries behind which the same client gets another one of the room, with nothing between. */
export function followedDeliveries({ history }: Run): DeliveryLine[] {
  const newest = new Map<string, HistoryLine>();
  const found: DeliveryLine[] = [];
  for (const line of history) {
    if (line.type === 'close') {
      for (const name of newest.keys()) if (name.startsWith(`${line.client} `)) newest.delete(name);
    }
    if (!('room' in line) || line.type === 'members' || line.type === 'presence') continue;
    const name = `${line.client} ${line.room}`;
    const before = newest.get(name);
    if (line.type === 'delivery' && before?.type === 'delivery') found.push(before);
    newest.set(name, line);
  }
  return found;
}

export const insertBeforeEnd = (run: Run, ...lines: HistoryLine[]): Run => ({
  ...run,
  history: [...run.history.slice(0, -1), ...lines, ...run.history.slice(-1)],
});

/** One of the lists told at the end, when everybody had the time to know. */
export function lastMembers({ history }: Run, random: Random): MembersLine | undefined {
  const end = history.findLastIndex(({ type }) => type !== 'members' && type !== 'end');
  return pick(history.slice(end + 1).filter(isType('members')), random);
}
