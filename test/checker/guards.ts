/** A run in which nothing happened has no anomalies either. These say whether there was something to judge. */
import type { HistoryLine } from './history.ts';

export type GuardName =
  | 'too-few-acked'
  | 'too-few-delivered'
  | 'fault-missing'
  | 'fault-not-seen'
  | 'fault-not-healed'
  | 'nothing-after-healing'
  | 'not-drained';

export interface Guard {
  readonly name: GuardName;
  readonly message: string;
}

export interface GuardOptions {
  /** Default: 1. */
  readonly leastAcked?: number;
  /** Default: 1. */
  readonly leastDelivered?: number;
  /** Faults that the run was made for. */
  readonly faults?: readonly string[];
}

/** The guards that the run fails; [] for one that counts. */
export function guardsOf(history: readonly HistoryLine[], options: GuardOptions = {}): Guard[] {
  const { leastAcked = 1, leastDelivered = 1, faults: wanted = [] } = options;
  const failed: Guard[] = [];
  const fail = (name: GuardName, message: string) => failed.push({ name, message });
  const acked = new Set(history.flatMap((line) => (line.type === 'ack' ? [line.op] : []))).size;
  const delivered = history.filter(({ type }) => type === 'delivery').length;
  if (acked < leastAcked) fail('too-few-acked', `${acked} publishes were acked, ${leastAcked} are needed`);
  if (delivered < leastDelivered) {
    fail('too-few-delivered', `${delivered} events were delivered, ${leastDelivered} are needed`);
  }
  const phases = { begin: new Map<string, number>(), seen: new Map<string, number>(), heal: new Map<string, number>() };
  for (const line of history) if (line.type === 'fault') phases[line.phase].set(line.fault, line.at);
  for (const fault of wanted) if (!phases.begin.has(fault)) fail('fault-missing', `${fault} never began`);
  for (const [fault, at] of phases.begin) {
    if (!phases.seen.has(fault)) fail('fault-not-seen', `nothing showed that ${fault} really happened`);
    if ((phases.heal.get(fault) ?? Number.NEGATIVE_INFINITY) < at) fail('fault-not-healed', `${fault} did not heal`);
  }
  const healedAt = Math.max(...phases.heal.values());
  if (phases.heal.size > 0 && !arrivedAfter(history, healedAt)) {
    fail('nothing-after-healing', `nothing that was published after ${healedAt} was acked and delivered`);
  }
  if (!history.some((line) => line.type === 'end' && line.drained)) {
    fail('not-drained', 'the run did not wait until everybody had everything');
  }
  return failed;
}

function arrivedAfter(history: readonly HistoryLine[], healedAt: number): boolean {
  const acked = new Set(history.flatMap((line) => (line.type === 'ack' ? [line.op] : [])));
  const contents = new Set<string>();
  for (const line of history) {
    if (line.type === 'publish' && line.at > healedAt && acked.has(line.op))
      contents.add(`${line.room} ${line.content}`);
  }
  return history.some((line) => line.type === 'delivery' && contents.has(`${line.room} ${line.content}`));
}
