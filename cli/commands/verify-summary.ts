/** What `roomlog verify` prints at its end: lines for people, one object for programs. */
import type { Skip } from '../../consumers/verify/check.ts';
import type { Fenced } from '../../consumers/verify/fences.ts';
import type { Finding } from '../../consumers/verify/finding.ts';
import type { Verified, VerifiedPartition } from '../../consumers/verify/verify.ts';

export interface Cost {
  readonly elapsedMs: number;
  readonly peakMemoryBytes: number;
}

/** Fenced writers that the text lists; JSON has them all. */
const FENCES_SHOWN = 10;

type Counted =
  | 'read'
  | 'compared'
  | 'notRetained'
  | 'events'
  | 'canaries'
  | 'skipped'
  | 'unknownKinds'
  | 'rooms'
  | 'claims'
  | 'stale'
  | 'repeats';

export function summaryJson({ findings, partitions, records }: Verified, cost: Cost): object {
  return {
    sound: findings.total === 0,
    records,
    recordsPerSecond: perSecond(records, cost),
    ...cost,
    ...totals(partitions),
    answers: merged(partitions, 'answers'),
    poison: merged(partitions, 'poison'),
    letters: merged(partitions, 'letters'),
    letterRepeats: sum(partitions, ({ letterRepeats }) => letterRepeats),
    lettersUnchecked: sum(partitions, ({ lettersUnchecked }) => lettersUnchecked),
    lag: sum(partitions, ({ lag }) => lag ?? 0),
    partitions: partitions.map(({ partition, streamId, checked, lag, claims, fenced, repeats, skips }) => {
      return { partition, streamId, checked, lag, claims, fenced, repeats, skips };
    }),
    findings: {
      total: findings.total,
      byKind: Object.fromEntries(findings.counts),
      listed: findings.listed,
    },
  };
}

export function summaryText({ findings, partitions, records }: Verified, cost: Cost): string {
  const all = totals(partitions);
  const fenced = partitions.flatMap((report) => report.fenced.map((one) => fenceLine(report, one)));
  const waits = partitions.filter(({ lag }) => lag !== null && lag > 0);
  const cut = partitions.filter(({ lag }) => lag === null);
  const unchecked = sum(partitions, ({ lettersUnchecked }) => lettersUnchecked);
  const lines = [
    `${records} records of ${partitions.length} partitions in ${(cost.elapsedMs / 1_000).toFixed(1)} s (${perSecond(records, cost)} records/s, peak memory ${Math.round(cost.peakMemoryBytes / 1_048_576)} MiB)`,
    `inbound    ${all.compared} records compared with what answers them${counted(all.notRetained, 'answered but no longer retained')}${counted(all.skipped, 'skipped by an operator')}`,
    `events     ${all.events} in ${all.rooms} rooms${counted(all.unknownKinds, 'of a kind unknown to this version')}`,
    `answers    ${listed(merged(partitions, 'answers'))}${counted(all.canaries, 'canaries')}`,
    `poison     ${listed(merged(partitions, 'poison'))}`,
    `letters    ${listed(merged(partitions, 'letters'))}${counted(
      sum(partitions, ({ letterRepeats }) => letterRepeats),
      'repeats',
    )}${counted(unchecked, 'too many to be looked for')}`,
    `fenced     ${all.stale} stale records, ${all.repeats} repeats, under ${all.claims} claims`,
    ...fenced.slice(0, FENCES_SHOWN).map((line) => `           ${line}`),
    ...(fenced.length > FENCES_SHOWN
      ? [`           and ${fenced.length - FENCES_SHOWN} epochs more; -o json has them`]
      : []),
    `lag        ${sum(partitions, ({ lag }) => lag ?? 0)} inbound offsets wait${inPartitions(waits)}`,
    ...partitions.flatMap((report) => report.skips.map((skip) => skipLine(report, skip))),
    ...(cut.length === 0 ? [] : [`not read   to the end of outbound: --to, or a fault${inPartitions(cut)}`]),
    ...findings.listed.map(findingLine),
  ];
  const rest = findings.total - findings.listed.length;
  if (rest > 0) lines.push(`and ${rest} findings more: ${listed(Object.fromEntries(findings.counts))}`);
  // A pass over nothing must not look like a pass.
  const sound = all.read === 0 ? 'nothing to check: outbound holds no record there' : 'sound: no finding';
  lines.push(findings.total === 0 ? sound : `NOT SOUND: ${findings.total} findings`);
  return lines.join('\n');
}

function findingLine({ kind, partition, inbound, outbound, message }: Finding): string {
  const places = [inbound === null ? '' : ` inbound ${inbound}`, outbound === null ? '' : ` outbound ${outbound}`];
  return `finding    ${kind} in partition ${partition},${places.join(',') || ' no offset'}: ${message}`;
}

function inPartitions(reports: readonly VerifiedPartition[]): string {
  return reports.length === 0 ? '' : `, in partitions ${reports.map(({ partition }) => partition).join(', ')}`;
}

function fenceLine({ partition }: VerifiedPartition, { epoch, fencedBy, records, first }: Fenced): string {
  const by = fencedBy === null ? 'stand before any claim' : `fenced by the claim at ${fencedBy}`;
  return `partition ${partition}: ${records} of epoch ${epoch}, from ${first} on, ${by}`;
}

function skipLine({ partition }: VerifiedPartition, { outbound, from, to, next, reason }: Skip): string {
  const lost = to < from ? 'nothing known to be lost' : `inbound ${from} to ${to} given up`;
  return `skip       partition ${partition}, outbound ${outbound}: ${reason}, ${lost}, went on at inbound ${next}`;
}

function totals(partitions: readonly VerifiedPartition[]): Record<Counted, number> {
  const of = (field: Counted): number => sum(partitions, (report) => report[field]);
  return {
    read: of('read'),
    compared: of('compared'),
    notRetained: of('notRetained'),
    events: of('events'),
    canaries: of('canaries'),
    skipped: of('skipped'),
    unknownKinds: of('unknownKinds'),
    rooms: of('rooms'),
    claims: of('claims'),
    stale: of('stale'),
    repeats: of('repeats'),
  };
}

function merged(
  partitions: readonly VerifiedPartition[],
  field: 'answers' | 'poison' | 'letters',
): Record<string, number> {
  const all: Record<string, number> = {};
  for (const report of partitions) {
    for (const [name, count] of report[field]) all[name] = (all[name] ?? 0) + count;
  }
  return all;
}

function sum(partitions: readonly VerifiedPartition[], of: (report: VerifiedPartition) => number): number {
  return partitions.reduce((total, report) => total + of(report), 0);
}

function listed(counts: Readonly<Record<string, number>>): string {
  const shown = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return shown.length === 0 ? 'none' : shown.join(', ');
}

const counted = (count: number, what: string): string => (count === 0 ? '' : `, ${count} ${what}`);
const perSecond = (records: number, { elapsedMs }: Cost): number =>
  Math.round((records / Math.max(1, elapsedMs)) * 1_000);
