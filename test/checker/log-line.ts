/** An outbound record as the checker reads it: as JSON, so that a log can be kept beside its history. */
import { createHash } from 'node:crypto';
import type { OutboundRecord } from '../../core/log/record.ts';
import { jsonLinesOf } from './json-lines.ts';

export interface LogEvent {
  readonly room: string;
  readonly seq: number;
  readonly user: string;
  readonly session: string | null;
  readonly pub: number | null;
  readonly key: string | null;
  readonly content: string;
}

export interface LogLine {
  readonly partition: number;
  readonly offset: number;
  readonly epoch: number;
  readonly inbound: number;
  readonly prevInbound: number;
  readonly claim: boolean;
  /** An operator's record; absent is false. */
  readonly skipped?: boolean;
  readonly event: LogEvent | null;
}

/** Tells one content from another: the event's name and the bytes of its data. Names hold no line breaks. */
export function contentOf(event: string, data: string | Uint8Array): string {
  return createHash('sha256').update(`${event}\n`).update(data).digest('hex').slice(0, 24);
}

export function logLineOf(partition: number, offset: number, record: OutboundRecord): LogLine {
  const { epoch, inbound, prevInbound, claim, event, skipped } = record;
  return {
    partition,
    offset,
    epoch,
    inbound,
    prevInbound,
    claim: claim !== null,
    ...(skipped === null ? {} : { skipped: true }),
    event: event && {
      room: event.room,
      seq: event.seq,
      user: event.user,
      session: event.session,
      pub: event.pub,
      key: event.key,
      content: contentOf(event.event, event.data),
    },
  };
}

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= -1;

/** Reads JSON lines; refuses what is none of them. */
export function parseLog(text: string): LogLine[] {
  const lines: LogLine[] = [];
  for (const [number, parsed] of jsonLinesOf<LogLine>(text, 'log')) {
    const { partition, offset, epoch, inbound, prevInbound, claim, event } = parsed;
    const wholes = [partition, offset, epoch, inbound, prevInbound];
    const isEvent = event === null || (typeof event?.room === 'string' && isWhole(event.seq));
    if (!wholes.every(isWhole) || typeof claim !== 'boolean' || !isEvent) {
      throw new TypeError(`Line ${number} of the log is no outbound record.`);
    }
    lines.push(parsed);
  }
  return lines;
}
