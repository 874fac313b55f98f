/**
 * What must hold of every log that two writers can leave behind, worked out from the records that a fold accepted and
 * from what was asked. None of it uses code of `core`: only which offsets were accepted comes from there.
 */
import type { Answer, OutboundRecord, SequencedEvent } from '../../../core/log/record.ts';
import type { InboundEntry } from './scenario.ts';

export type Property =
  | 'no fault'
  | 'each inbound answered once, in order'
  | 'seqs without hole'
  | 'published at most once'
  | 'answers true'
  | 'acks true'
  | 'decisions repeatable'
  | 'readers agree'
  | 'forged starts harmless'
  | 'missed records noticed'
  | 'work can be finished';

export interface Violation {
  readonly property: Property;
  readonly message: string;
}

export const violation = (property: Property, message: string): Violation => ({ property, message });

interface Told {
  readonly seqs: Map<string, number>;
  /** Room and seq to the event. */
  readonly events: Map<string, SequencedEvent>;
  readonly numbered: Map<string, number>;
  readonly keyed: Set<string>;
}

/** Checks the accepted records, in order; null where everything holds. */
export function violationIn(inbound: readonly InboundEntry[], accepted: readonly OutboundRecord[]): Violation | null {
  const told: Told = { seqs: new Map(), events: new Map(), numbered: new Map(), keyed: new Set() };
  for (const [at, record] of accepted.entries()) {
    if (record.inbound !== at) {
      return violation('each inbound answered once, in order', `answer number ${at} is for inbound ${record.inbound}`);
    }
    const asked = inbound[at];
    if (asked === undefined) return violation('answers true', `inbound ${at} was never sent`);
    const found =
      record.event === null ? wrongAnswer(record.answer, asked, told) : wrongEvent(record.event, asked, told);
    if (found !== null) return found;
  }
  return null;
}

function wrongEvent(event: SequencedEvent, { event: asked }: InboundEntry, told: Told): Violation | null {
  const { room, user, session, pub, key, seq } = event;
  const expected = (told.seqs.get(room) ?? 0) + 1;
  if (seq !== expected) return violation('seqs without hole', `${room} has ${seq}, not ${expected}`);
  told.seqs.set(room, seq);
  told.events.set(`${room} ${seq}`, event);
  const differs = event.data !== asked.data || room !== asked.room || pub !== asked.pub || key !== asked.key;
  if (differs) return violation('answers true', `event ${room} ${seq} is not what was asked`);
  if (session !== null && pub !== null) {
    const publisher = `${room} ${user} ${session}`;
    const last = told.numbered.get(publisher) ?? 0;
    if (pub !== last + 1) return violation('published at most once', `pub ${pub} was published after ${last}`);
    told.numbered.set(publisher, pub);
  }
  if (key === null) return null;
  const name = `${room} ${user} ${key}`;
  if (told.keyed.has(name)) return violation('published at most once', `key ${key} was published twice`);
  told.keyed.add(name);
  return null;
}

/** A publisher that is told `duplicate` takes it for a success: its content must be in the log. */
function wrongAnswer(answer: Answer | null, { event: asked }: InboundEntry, told: Told): Violation | null {
  if (answer === null) return violation('answers true', 'an accepted record says nothing');
  const last = told.numbered.get(`${answer.room} ${answer.user} ${answer.session}`) ?? 0;
  if (answer.code === 'out_of_order') {
    return answer.expected === last + 1
      ? null
      : violation('answers true', `expected ${answer.expected}, not ${last + 1}`);
  }
  if (answer.code !== 'duplicate' && answer.code !== 'session_in_use') return null;
  const original = told.events.get(`${answer.room} ${answer.seq}`);
  if (answer.code === 'session_in_use') {
    const known = [...told.events.values()].some(({ pub, key }) => pub === asked.pub && key === asked.key);
    return known ? null : violation('answers true', 'session_in_use, but nothing was published under that number');
  }
  if (original === undefined) return violation('answers true', `duplicate of ${answer.seq}, which is not there`);
  const same =
    original.pub === asked.pub && original.key === asked.key && original.data.toString() === asked.data.toString();
  return same ? null : violation('answers true', `duplicate of ${answer.seq}, which holds something else: lost`);
}
