/** What a run is found guilty of: by the checker of the fault runs, and by what applications were told. */
import { configSchema } from '../../core/config/schema.ts';
import type { Partition } from '../../core/ids.ts';
import { SlowClients } from '../../core/limits/slow-clients.ts';
import { check } from '../checker/check.ts';
import type { HistoryLine } from '../checker/history.ts';
import { contentOf } from '../checker/log-line.ts';
import type { FoldedEvent } from '../checker/own-fold.ts';
import { type Asked, bytesOf, type SdkApplication } from './sdk-application.ts';
import type { World } from './world.ts';

export interface Verdict {
  readonly anomalies: readonly string[];
  readonly published: number;
  readonly acked: number;
  readonly delivered: number;
  readonly events: number;
  readonly dropped: number;
}

export function judge({ plan, recorder, outbound, brokers, applications }: World, drained: boolean): Verdict {
  recorder.add({ type: 'end', drained });
  outbound.read();
  const report = check(recorder.lines, outbound.lines);
  const anomalies = report.anomalies.map(({ name, message }) => `${name}: ${message}`);
  const twoVersions = plan.sessionMaxAgeMs[0] !== plan.sessionMaxAgeMs[1];
  const events = outbound.events;
  const startOf = (number: number) => brokers.cluster.partition(brokers.topics.outbound, number as Partition).start;
  const { gateway } = configSchema.parse({ gateway: plan.gateway });
  const slow = new SlowClients(gateway);
  // Where slow members skip, a gap may stand for anything that is there.
  const lines = recorder.lines.filter((line) => line.type !== 'gap' || slow.of(line.room).policy !== 'skip');
  anomalies.push(...needlessGaps(lines, events, startOf));
  for (const application of applications) anomalies.push(...brokenPromises(application, events, twoVersions));
  return {
    anomalies,
    published: report.published,
    acked: report.acked,
    delivered: report.delivered,
    events: report.eventsInLog,
    dropped: report.droppedInLog,
  };
}

/** Gaps where nothing was deleted. Where something was, what lies between it and the next place to prove from may be lost too. */
function needlessGaps(
  history: readonly HistoryLine[],
  events: readonly FoldedEvent[],
  startOf: (partition: number) => number,
): string[] {
  const found: string[] = [];
  for (const line of history) {
    if (line.type !== 'gap') continue;
    const { client, room, from, to } = line;
    const kept = events.find((event) => {
      const isWithin = event.room === room && event.seq >= from && event.seq <= to;
      return isWithin && startOf(event.partition) === 0;
    });
    if (kept) found.push(`needless-gap: ${client} was told of ${room} ${from} to ${to}, but ${kept.seq} is there`);
  }
  return found;
}

/** What `publish` of the SDK resolved and rejected with, against the log. Every text is published once. */
function brokenPromises(
  { asked, name }: SdkApplication,
  events: readonly FoldedEvent[],
  twoVersions: boolean,
): string[] {
  const found: string[] = [];
  const seqs = new Map<string, number[]>();
  for (const event of events) {
    if (event.user !== name) continue;
    const key = `${event.room} ${event.content}`;
    seqs.set(key, [...(seqs.get(key) ?? []), event.seq]);
  }
  const newest = new Map<string, number>();
  for (const one of asked) {
    const { room, text, life, state, seq } = one;
    const at = seqs.get(contentKey(one)) ?? [];
    if (at.length > 1 && !twoVersions) found.push(`app-duplicate: ${text} is ${room} ${at.join(' and ')}`);
    if (state === 'published' && at.length === 0) found.push(`app-lost: ${text} was published, and is not in the log`);
    if (state === 'published' && seq !== null && !at.includes(seq)) {
      found.push(`app-mismatch: ${text} was published as ${room} ${seq}, but is ${at.join()}`);
    }
    if (state === 'not_published' && at.length > 0 && !twoVersions) {
      found.push(`app-phantom: ${text} was not published, but is ${room} ${at.join()}`);
    }
    const [first] = at;
    if (state !== 'published' || first === undefined) continue;
    const last = newest.get(`${life} ${room}`) ?? 0;
    if (first < last && !twoVersions) found.push(`app-inversion: ${text} is ${room} ${first}, after ${last}`);
    newest.set(`${life} ${room}`, Math.max(last, first));
  }
  return found;
}

const known = new Map<string, string>();

function contentKey({ room, text }: Asked): string {
  const key = `${room} ${text}`;
  let content = known.get(key);
  if (content === undefined) {
    if (known.size > 100_000) known.clear();
    content = `${room} ${contentOf('said', bytesOf(text))}`;
    known.set(key, content);
  }
  return content;
}
