/** The checker: a pure function of what clients saw and what the outbound log holds. See README.md. */
import { type Anomaly, type AnomalyName, Findings } from './anomaly.ts';
import { checkDeliveries, type DeliveryOptions } from './deliveries.ts';
import { type Guard, type GuardOptions, guardsOf } from './guards.ts';
import type { HistoryLine } from './history.ts';
import type { LogLine } from './log-line.ts';
import { foldOwn } from './own-fold.ts';
import { checkPresence, type PresenceOptions } from './presence.ts';
import { checkPublishes, roomsOf } from './publishes.ts';

export interface CheckOptions extends DeliveryOptions, PresenceOptions, GuardOptions {}

export interface Report {
  /** No anomaly, and enough happened for that to mean something. */
  readonly passed: boolean;
  readonly anomalies: readonly Anomaly[];
  /** All of them, also those beyond the first hundred of a name. */
  readonly counts: Readonly<Partial<Record<AnomalyName, number>>>;
  /** Why the run does not count; [] where it does. */
  readonly guards: readonly Guard[];
  readonly published: number;
  readonly acked: number;
  /** Neither acked nor finally refused. */
  readonly unknown: number;
  readonly delivered: number;
  readonly gaps: number;
  readonly eventsInLog: number;
  /** Records of the log that don't count: of fenced writers, and repeats. */
  readonly droppedInLog: number;
}

export function check(history: readonly HistoryLine[], log: readonly LogLine[], options: CheckOptions = {}): Report {
  const findings = new Findings();
  const { events, dropped } = foldOwn(log, findings);
  const rooms = roomsOf(events, findings);
  checkPublishes(history, events, findings);
  checkDeliveries(history, rooms, findings, options);
  checkPresence(history, findings, options);
  const guards = guardsOf(history, options);
  const opsOf = (type: 'publish' | 'ack') => new Set(history.flatMap((line) => (line.type === type ? [line.op] : [])));
  const published = opsOf('publish');
  const acked = opsOf('ack');
  const settled = new Set(acked);
  for (const line of history) if (line.type === 'error' && line.final) settled.add(line.op);
  return {
    passed: findings.anomalies.length === 0 && guards.length === 0,
    anomalies: findings.anomalies,
    counts: Object.fromEntries(findings.counts),
    guards,
    published: published.size,
    acked: acked.size,
    unknown: [...published].filter((op) => !settled.has(op)).length,
    delivered: history.filter(({ type }) => type === 'delivery').length,
    gaps: history.filter(({ type }) => type === 'gap').length,
    eventsInLog: events.length,
    droppedInLog: dropped,
  };
}
