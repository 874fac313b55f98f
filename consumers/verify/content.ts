/** Whether an outbound body says what the inbound record asked for. */
import type { Answer, InboundEvent, SequencedEvent } from '../../core/log/record.ts';

/** What inbound holds at an offset, as the sequencer's own check has it today. */
export type InboundContent =
  | { readonly kind: 'good'; readonly event: InboundEvent }
  | { readonly kind: 'poison'; readonly reason: string };

/** Reasons that depend on more than the record: numbers, the partition's rooms, a topic's limits, a registry that learned since. */
const NOT_OF_THE_RECORD: ReadonlySet<string> = new Set([
  'bad_event',
  'too_many_rooms',
  'too_large',
  'schema_not_found',
]);

const ASKED = ['room', 'user', 'session', 'pub', 'key'] as const;
const CARRIED = [...ASKED, 'event', 'contentType', 'expiresAt', 'traceparent'] as const;

const NONE: readonly string[] = [];

/** Names of the fields that differ. */
export function differencesOfEvent(asked: InboundEvent, event: SequencedEvent): readonly string[] {
  if (isAsAsked(asked, event)) return NONE;
  const found: string[] = CARRIED.filter((field) => asked[field] !== event[field]);
  if (Buffer.compare(asked.data, event.data) !== 0) found.push('data');
  if (!sameBytes(asked.origin, event.origin)) found.push('origin');
  return found;
}

/** Field by field, since every event of a log passes here and hardly one differs. */
function isAsAsked(asked: InboundEvent, event: SequencedEvent): boolean {
  return (
    asked.room === event.room &&
    asked.user === event.user &&
    asked.session === event.session &&
    asked.pub === event.pub &&
    asked.key === event.key &&
    asked.event === event.event &&
    asked.contentType === event.contentType &&
    asked.expiresAt === event.expiresAt &&
    asked.traceparent === event.traceparent &&
    Buffer.compare(asked.data, event.data) === 0 &&
    sameBytes(asked.origin, event.origin)
  );
}

export function differencesOfAnswer(asked: InboundEvent, answer: Answer): string[] {
  const found: string[] = ASKED.filter((field) => asked[field] !== answer[field]);
  if (!sameBytes(asked.origin, answer.origin)) found.push('origin');
  return found;
}

/** Why a `poison` answer does not fit what stands in inbound; null where it does. */
export function unfoundedPoison(content: InboundContent, reason: string | null): string | null {
  if (reason !== null && NOT_OF_THE_RECORD.has(reason)) return null;
  if (content.kind === 'good') return `answered as poison (${reason}), but nothing is wrong with the record`;
  return content.reason === reason ? null : `answered as poison (${reason}), but what is wrong is ${content.reason}`;
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0;
}
