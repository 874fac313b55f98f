/**
 * What the model's writers are asked to sequence: a handful of inbound records, all of them there from the start, so that
 * how many are decided at once is the exploration's choice. Each scenario puts two or three records where a mechanism of
 * the fold or of the decision is needed.
 */
import { Buffer } from 'node:buffer';
import type { Pub, RoomId, SessionId, UserId } from '../../../core/ids.ts';
import type { InboundEvent } from '../../../core/log/record.ts';
import type { PublishersLimits } from '../../../core/sequencing/publishers.ts';

export interface InboundEntry {
  /** The inbound record's timestamp, ms since the Unix epoch. */
  readonly time: number;
  readonly event: InboundEvent;
}

/** The limits of the two writers. Where they differ, two versions of the decision are at work, as in a rolling upgrade. */
export type Versions = readonly [PublishersLimits, PublishersLimits];

export interface Scenario {
  readonly name: string;
  readonly inbound: readonly InboundEntry[];
  readonly versions: Versions;
}

const START_MS = 1_800_000_000_000;
const OLD_MS = 300_000;
const KEY_WINDOW_MS = 60_000;
const LENIENT: PublishersLimits = { sessionMaxAgeMs: 600_000, keyWindowMs: KEY_WINDOW_MS };
const STRICT: PublishersLimits = { sessionMaxAgeMs: 200_000, keyWindowMs: KEY_WINDOW_MS };
const ALIKE: Versions = [LENIENT, LENIENT];
const DIFFERENT: Versions = [LENIENT, STRICT];

const hex = START_MS.toString(16).padStart(12, '0');
const SESSION = `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000` as SessionId;

type Told = { readonly pub?: number; readonly key?: string; readonly says?: string; readonly room?: string };

function asked({ pub, key, says = 'a', room = 'room' }: Told, time = START_MS): InboundEntry {
  const event: InboundEvent = {
    room: room as RoomId,
    user: 'ann' as UserId,
    session: pub === undefined ? null : SESSION,
    pub: (pub ?? null) as Pub | null,
    key: key ?? null,
    origin: null,
    event: 'said',
    contentType: null,
    data: Buffer.from(JSON.stringify(says)),
    expiresAt: null,
    traceparent: null,
  };
  return { time, event };
}

/** A client that sent its first publish again before its second. */
export const SENT_AGAIN: Scenario = {
  name: 'a numbered publish, sent again, and the next one',
  inbound: [asked({ pub: 1 }), asked({ pub: 1 }), asked({ pub: 2, says: 'b' })],
  versions: ALIKE,
};

/** Nothing but the chain tells these from repeats. */
export const UNNUMBERED: Scenario = {
  name: 'publishes without a number in two rooms',
  inbound: [asked({}), asked({ room: 'other' }), asked({})],
  versions: ALIKE,
};

/** Two tabs that share a session, and a key that is used twice. */
export const OTHER_CONTENT: Scenario = {
  name: 'other content under the same number and under the same key',
  inbound: [asked({ pub: 1 }), asked({ pub: 1, says: 'b' }), asked({ key: 'k' }), asked({ key: 'k', says: 'b' })],
  versions: ALIKE,
};

/** The session counts for the lenient writer and is too old for the strict one: they answer the same record differently. */
export const TWO_VERSIONS: Scenario = {
  name: 'two versions of the decision over an old session',
  inbound: [asked({ pub: 1 }, START_MS + OLD_MS), asked({}, START_MS + OLD_MS)],
  versions: DIFFERENT,
};

/** The same, with a number that depends on how the one before was answered. */
export const TWO_VERSIONS_IN_A_ROW: Scenario = {
  name: 'two versions of the decision over an old session’s two publishes',
  inbound: [asked({ pub: 1 }, START_MS + OLD_MS), asked({ pub: 2, says: 'b' }, START_MS + OLD_MS)],
  versions: DIFFERENT,
};

/** The first `count` inbound records of a scenario. */
export const shortened = (scenario: Scenario, count: number): Scenario => ({
  ...scenario,
  name: `${scenario.name} (the first ${count})`,
  inbound: scenario.inbound.slice(0, count),
});
