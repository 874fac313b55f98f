/** What is wrong with a log, by a fold of its own: nothing here shares code with `core/log`. */
import type { OutboundRecord } from '../../../core/log/record.ts';
import { type InboundEntry, KEY_WINDOW_MS } from './writers.ts';

/** Rules 1 to 3, as docs/adr/0001 tells them, from the first record on: the offsets of the records that count. */
export function believedOffsets(outbound: readonly OutboundRecord[]): number[] {
  let epoch = -1;
  let last = -1;
  const believed: number[] = [];
  for (const [offset, record] of outbound.entries()) {
    if (record.claim !== null) epoch = offset;
    else if (record.epoch === epoch && record.prevInbound === last) {
      last = record.inbound;
      believed.push(offset);
    }
  }
  return believed;
}

/** Names of what is wrong, each with where; [] for a sound log. */
export function anomaliesOf(inbound: readonly InboundEntry[], believed: readonly OutboundRecord[]): string[] {
  const found: string[] = [];
  const seqs = new Map<string, number>();
  const lastPubs = new Map<string, number>();
  const keys = new Map<string, number>();
  const contents = new Map<string, string>();
  const answers = new Map<number, number>();
  for (const { inbound: asked, event, answer } of believed) {
    answers.set(asked, (answers.get(asked) ?? 0) + 1);
    const content = inbound[asked]?.event.data.toString() ?? '';
    if (event !== null) {
      const { room, user, session, pub, key, seq, time } = event;
      if (seq !== (seqs.get(room) ?? 0) + 1) found.push(`seq: ${room} ${seq} after ${seqs.get(room) ?? 0}`);
      seqs.set(room, seq);
      contents.set(`${room} ${seq}`, content);
      if (event.data.toString() !== content) found.push(`phantom: ${room} ${seq}`);
      if (session !== null && pub !== null) {
        const name = `${room} ${user} ${session}`;
        if (pub <= (lastPubs.get(name) ?? 0)) found.push(`duplicate: ${name} ${pub}`);
        if (pub > (lastPubs.get(name) ?? 0) + 1) found.push(`hole: ${name} ${pub}`);
        lastPubs.set(name, pub);
      }
      if (key !== null) {
        const name = `${room} ${user} ${key}`;
        if (time - (keys.get(name) ?? Number.NEGATIVE_INFINITY) <= KEY_WINDOW_MS) found.push(`duplicate: ${name}`);
        keys.set(name, time);
      }
    }
    if (answer?.code === 'duplicate' && answer.seq !== null) {
      const original = contents.get(`${answer.room} ${answer.seq}`);
      if (original !== content) found.push(`lost: inbound ${asked} was told to be ${answer.room} ${answer.seq}`);
    }
  }
  for (const [asked] of inbound.entries()) {
    const count = answers.get(asked) ?? 0;
    if (count !== 1) found.push(`inbound ${asked} was answered ${count} times`);
  }
  return found;
}
