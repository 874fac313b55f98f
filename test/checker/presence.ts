/** What observers believe of a room's presence, against who was there. It may be late, by a bound, and is not judged within a fault. */
import type { Findings } from './anomaly.ts';
import type { HistoryLine } from './history.ts';

/** T of I7: by then a change is seen, and by then after a fault everything is true again. */
export const PRESENCE_WITHIN_MS = 15_000;

interface Stay {
  readonly room: string;
  readonly connection: string;
  readonly from: number;
  to: number;
  /** Asked for, whatever came of it: the others may see it, and need not. */
  readonly maybe: boolean;
}

interface View {
  readonly client: string;
  readonly room: string;
  readonly members: Set<string>;
}

export interface PresenceOptions {
  readonly presenceWithinMs?: number;
}

export function checkPresence(
  history: readonly HistoryLine[],
  findings: Findings,
  { presenceWithinMs = PRESENCE_WITHIN_MS }: PresenceOptions = {},
): void {
  const stays = staysIn(history);
  const faults = faultsIn(history);
  const views = new Map<string, View>();
  const nameOf = (client: string, room: string) => JSON.stringify([client, room]);
  /** Each wrong belief is told once per observer. */
  const told = new Set<string>();

  const judge = ({ client, room, members }: View, at: number): void => {
    const since = at - presenceWithinMs;
    if (faults.some(({ from, to }) => from <= at && to >= since)) return;
    const there = stays.filter((stay) => stay.room === room);
    const report = (name: 'presence-ghost' | 'presence-missing', connection: string) => {
      const belief = JSON.stringify([name, client, room, connection]);
      if (told.has(belief)) return;
      told.add(belief);
      findings.add(name, `${client} at ${at}: ${connection} in ${room}`);
    };
    for (const member of members) {
      const known = there.some((stay) => stay.connection === member && stay.from <= at && stay.to >= since);
      if (!known) report('presence-ghost', member);
    }
    for (const { connection, from, to, maybe } of there) {
      // A gateway that ends a connection tells the others at once; its client may hear of it later.
      const stays = to > at + presenceWithinMs;
      if (!maybe && from <= since && stays && !members.has(connection)) report('presence-missing', connection);
    }
  };

  for (const line of history) {
    if (line.type === 'members') {
      const view = { client: line.client, room: line.room, members: new Set(line.members) };
      views.set(nameOf(line.client, line.room), view);
      judge(view, line.at);
    } else if (line.type === 'presence') {
      const view = views.get(nameOf(line.client, line.room));
      if (view === undefined) continue;
      for (const connection of line.joined) view.members.add(connection);
      for (const connection of line.left) view.members.delete(connection);
      judge(view, line.at);
    } else if (line.type === 'leave') views.delete(nameOf(line.client, line.room));
    else if (line.type === 'close') {
      for (const [name, view] of views) if (view.client === line.client) views.delete(name);
    } else if (line.type === 'end') {
      for (const view of views.values()) judge(view, line.at);
    }
  }
}

function staysIn(history: readonly HistoryLine[]): Stay[] {
  const stays: Stay[] = [];
  const open = new Map<string, { client: string; stay: Stay }>();
  const end = (name: string, at: number) => {
    const current = open.get(name);
    if (current !== undefined) current.stay.to = at;
    open.delete(name);
  };
  const begin = (
    name: string,
    line: HistoryLine & { client: string; room: string },
    maybe: boolean,
    connection: string,
  ) => {
    const stay = { room: line.room, connection, from: line.at, to: Number.POSITIVE_INFINITY, maybe };
    stays.push(stay);
    open.set(name, { client: line.client, stay });
  };
  for (const line of history) {
    if (line.type === 'asked') {
      const name = JSON.stringify([line.client, line.room, 'asked']);
      end(name, line.at);
      begin(name, line, true, line.connection);
    } else if (line.type === 'join' || line.type === 'resume') {
      const name = JSON.stringify([line.client, line.room]);
      end(name, line.at);
      if (line.connection !== undefined) begin(name, line, false, line.connection);
    } else if (line.type === 'leave') {
      end(JSON.stringify([line.client, line.room]), line.at);
      end(JSON.stringify([line.client, line.room, 'asked']), line.at);
    } else if (line.type === 'close') {
      for (const [name, { client }] of [...open]) if (client === line.client) end(name, line.at);
    }
  }
  return stays;
}

/** A fault that never healed lasts for ever; the guards say so. */
function faultsIn(history: readonly HistoryLine[]): Array<{ from: number; to: number }> {
  const faults: Array<{ fault: string; from: number; to: number }> = [];
  for (const line of history) {
    if (line.type !== 'fault') continue;
    if (line.phase === 'begin') faults.push({ fault: line.fault, from: line.at, to: Number.POSITIVE_INFINITY });
    else if (line.phase === 'heal') {
      for (const each of faults) if (each.fault === line.fault && each.to > line.at) each.to = line.at;
    }
  }
  return faults;
}
