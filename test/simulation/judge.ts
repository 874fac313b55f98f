/** What a run is found guilty of: by the checker of the fault runs, and by what applications were told. */
import type { Partition } from '../../core/ids.ts';
import { Findings } from '../checker/anomaly.ts';
import { check } from '../checker/check.ts';
import { contentOf, type LogLine, logLineOf } from '../checker/log-line.ts';
import { type FoldedEvent, foldOwn } from '../checker/own-fold.ts';
import type { Recorder } from './recorder.ts';
import { type Asked, bytesOf, type SdkApplication } from './sdk-application.ts';
import { CODEC } from './shared.ts';
import type { World } from './world.ts';

/** Outbound as the checker reads it; decoded once. */
export class Outbound {
  readonly #world: World;
  readonly #lines: LogLine[][] = [];

  constructor(world: World) {
    this.#world = world;
    this.#lines = Array.from({ length: world.plan.partitions }, () => []);
  }

  /** Brings itself up to date; whether that was needed. */
  read(): boolean {
    const { brokers } = this.#world;
    let grown = false;
    for (const [number, lines] of this.#lines.entries()) {
      const { slots } = brokers.cluster.partition(brokers.topics.outbound, number as Partition);
      for (let at = lines.length; at < slots.length; at++) {
        const slot = slots[at];
        const record = CODEC.decodeOutbound(slot?.value as Buffer);
        if ('unknownSchema' in record) throw new Error('outbound has a schema that nobody wrote');
        lines.push(logLineOf(number, at, record));
        grown = true;
      }
    }
    return grown;
  }

  get lines(): LogLine[] {
    return this.#lines.flat();
  }

  get events(): readonly FoldedEvent[] {
    return foldOwn(this.lines, new Findings()).events;
  }

  /** Whether something answers the last inbound record of every partition. */
  get isAnswered(): boolean {
    const { brokers } = this.#world;
    return this.#lines.every((lines, number) => {
      const { end } = brokers.cluster.partition(brokers.topics.inbound, number as Partition);
      return end === 0 || lines.some(({ inbound }) => inbound === end - 1);
    });
  }
}

export interface Verdict {
  readonly anomalies: readonly string[];
  readonly published: number;
  readonly acked: number;
  readonly delivered: number;
  readonly events: number;
  readonly dropped: number;
}

export function judge(world: World, recorder: Recorder, outbound: Outbound, drained: boolean): Verdict {
  recorder.add({ type: 'end', drained });
  outbound.read();
  const report = check(recorder.lines, outbound.lines);
  const anomalies = report.anomalies.map(({ name, message }) => `${name}: ${message}`);
  if (report.gaps > 0) anomalies.push(`needless-gap: ${report.gaps} gaps were told, though nothing was deleted`);
  const twoVersions = world.plan.sessionMaxAgeMs[0] !== world.plan.sessionMaxAgeMs[1];
  const events = outbound.events;
  for (const application of world.applications) anomalies.push(...brokenPromises(application, events, twoVersions));
  return {
    anomalies,
    published: report.published,
    acked: report.acked,
    delivered: report.delivered,
    events: report.eventsInLog,
    dropped: report.droppedInLog,
  };
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
