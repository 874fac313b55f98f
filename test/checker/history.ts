/**
 * What clients and faults did, one JSON object per line; README.md describes every field. Lines of one client stand in the
 * order in which it saw them; beyond that only `at` tells what came first.
 */
import { jsonLinesOf } from './json-lines.ts';

interface Line {
  /** Which process wrote the line. */
  readonly process: string;
  /** ms of the machine's monotonic clock, the same for all its processes: `Number(process.hrtime.bigint()) / 1e6`. */
  readonly at: number;
}

interface ClientLine extends Line {
  /** A publisher or subscriber as its application sees it: the same before and after a reconnect. */
  readonly client: string;
}

interface RoomLine extends ClientLine {
  readonly room: string;
}

/** One publish, when it is first sent; sending it again is part of it. */
export interface PublishLine extends RoomLine {
  readonly type: 'publish';
  /** Names this publish in the whole history. */
  readonly op: string;
  readonly user: string;
  readonly session: string | null;
  readonly pub: number | null;
  readonly key?: string | null;
  /** `contentOf` its event name and data. */
  readonly content: string;
}

export interface AckLine extends ClientLine {
  readonly type: 'ack';
  readonly op: string;
  /** null: a duplicate that is older than what is remembered. */
  readonly seq: number | null;
}

export interface ErrorLine extends ClientLine {
  readonly type: 'error';
  readonly op: string;
  readonly code: string;
  /** True only where no try of it can still be sequenced. */
  readonly final: boolean;
}

export interface DeliveryLine extends RoomLine {
  readonly type: 'delivery';
  /** Who got it. */
  readonly user: string;
  readonly seq: number;
  readonly content: string;
}

export interface GapLine extends RoomLine {
  readonly type: 'gap';
  readonly from: number;
  readonly to: number;
}

export interface LiveLine extends RoomLine {
  readonly type: 'live';
  /** Everything up to it was delivered or announced as a gap. */
  readonly seq: number;
}

/** A join with presence was sent: from now on the others may see the connection, whether or not it hears of it itself. */
export interface AskedLine extends RoomLine {
  readonly type: 'asked';
  readonly connection: string;
}

/** A new subscription: what was delivered before does not count. */
export interface JoinLine extends RoomLine {
  readonly type: 'join';
  /** The first delivery is the one behind it: 0 from the start, `joined.seq` for a live join; null where not known. */
  readonly from: number | null;
  /** Takes part in the room's presence, under this connection. */
  readonly connection?: string;
}

/** The same subscription goes on, after a close. */
export interface ResumeLine extends RoomLine {
  readonly type: 'resume';
  /** The seq of the cursor that it resumed from. */
  readonly seq: number;
  readonly connection?: string;
}

export interface LeaveLine extends RoomLine {
  readonly type: 'leave';
}

/** The connection has ended, whoever ended it; also written for a client that was killed. */
export interface CloseLine extends ClientLine {
  readonly type: 'close';
}

/** The whole list, by connection. */
export interface MembersLine extends RoomLine {
  readonly type: 'members';
  readonly members: readonly string[];
}

export interface PresenceLine extends RoomLine {
  readonly type: 'presence';
  readonly joined: readonly string[];
  readonly left: readonly string[];
}

/** From now on this user may read these rooms and no others. */
export interface RightsLine extends Line {
  readonly type: 'rights';
  readonly user: string;
  readonly rooms: readonly string[] | 'all';
}

export interface FaultLine extends Line {
  readonly type: 'fault';
  readonly fault: string;
  /** `seen`: a metric or a log line of the system showed that it really happened. */
  readonly phase: 'begin' | 'seen' | 'heal';
}

/** The run is over. `drained`: everybody had the time to get everything. */
export interface EndLine extends Line {
  readonly type: 'end';
  readonly drained: boolean;
}

export type HistoryLine =
  | PublishLine
  | AckLine
  | ErrorLine
  | DeliveryLine
  | GapLine
  | LiveLine
  | AskedLine
  | JoinLine
  | ResumeLine
  | LeaveLine
  | CloseLine
  | MembersLine
  | PresenceLine
  | RightsLine
  | FaultLine
  | EndLine;

type FieldKind = 'string' | 'number' | 'boolean' | 'string|null' | 'number|null' | 'strings' | 'rooms';
const LINE: Readonly<Record<string, FieldKind>> = { process: 'string', at: 'number' };
const CLIENT = { ...LINE, client: 'string' } as const;
const ROOM = { ...CLIENT, room: 'string' } as const;

const FIELDS: Readonly<Record<HistoryLine['type'], Readonly<Record<string, FieldKind>>>> = {
  publish: { ...ROOM, op: 'string', user: 'string', session: 'string|null', pub: 'number|null', content: 'string' },
  ack: { ...CLIENT, op: 'string', seq: 'number|null' },
  error: { ...CLIENT, op: 'string', code: 'string', final: 'boolean' },
  delivery: { ...ROOM, user: 'string', seq: 'number', content: 'string' },
  gap: { ...ROOM, from: 'number', to: 'number' },
  live: { ...ROOM, seq: 'number' },
  asked: { ...ROOM, connection: 'string' },
  join: { ...ROOM, from: 'number|null' },
  resume: { ...ROOM, seq: 'number' },
  leave: ROOM,
  close: CLIENT,
  members: { ...ROOM, members: 'strings' },
  presence: { ...ROOM, joined: 'strings', left: 'strings' },
  rights: { ...LINE, user: 'string', rooms: 'rooms' },
  fault: { ...LINE, fault: 'string', phase: 'string' },
  end: { ...LINE, drained: 'boolean' },
};

const isStrings = (value: unknown): boolean => Array.isArray(value) && value.every((each) => typeof each === 'string');

function fits(value: unknown, kind: FieldKind): boolean {
  if (kind === 'strings') return isStrings(value);
  if (kind === 'rooms') return value === 'all' || isStrings(value);
  if (kind === 'string|null') return value === null || typeof value === 'string';
  if (kind === 'number|null') return value === null || Number.isFinite(value);
  return kind === 'number' ? Number.isFinite(value) : typeof value === kind;
}

/** Reads JSON lines. A line that does not follow the format is an error: it would be a check that silently checks less. */
export function parseHistory(text: string): HistoryLine[] {
  const lines: HistoryLine[] = [];
  for (const [number, parsed] of jsonLinesOf<Record<string, unknown>>(text, 'history')) {
    const fields = FIELDS[parsed.type as HistoryLine['type']];
    if (fields === undefined) throw new TypeError(`Line ${number} of the history has type ${String(parsed.type)}.`);
    for (const [name, kind] of Object.entries(fields)) {
      if (!fits(parsed[name], kind)) throw new TypeError(`Line ${number} of the history: ${name} is no ${kind}.`);
    }
    lines.push(parsed as unknown as HistoryLine);
  }
  return lines;
}
